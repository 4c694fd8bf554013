import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isGlobal, parsedAddress } from '../../src/outbound/global-address.js';

/**
 * IANA's registries of special-purpose addresses, and what is not given out at all, as text: an oracle that shares no code with what is
 * tested. What is "globally reachable" in them but no machine's own (anycast of relays, 6to4, Teredo, AS112, ORCHID) is refused as well.
 */
const SPECIAL_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
/** Within 2000::/3, outside of which nothing is given out. */
const SPECIAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'];

const v4Bits = (text: string): bigint => text.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);

function v6Bits(text: string): bigint {
  const [left = '', right] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const middle = right === undefined ? [] : Array<string>(8 - groups(left).length - groups(right).length).fill('0');
  return [...groups(left), ...middle, ...groups(right ?? '')].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

interface Block {
  readonly network: bigint;
  readonly prefix: number;
}

const blocks = (texts: readonly string[], bits: (text: string) => bigint): Block[] =>
  texts.map((text) => {
    const [network = '', prefix] = text.split('/');
    return { network: bits(network), prefix: Number(prefix) };
  });
const V4 = blocks(SPECIAL_V4, v4Bits);
const V6 = blocks(SPECIAL_V6, v6Bits);
const [GIVEN_OUT] = blocks(['2000::/3'], v6Bits);
const [MAPPED] = blocks(['::ffff:0:0/96'], v6Bits);
const [NAT64] = blocks(['64:ff9b::/96'], v6Bits);

const isIn = (address: bigint, block: Block | undefined, width: number): boolean =>
  block !== undefined && address >> BigInt(width - block.prefix) === block.network >> BigInt(width - block.prefix);

const isPublicV4 = (address: bigint): boolean => !V4.some((block) => isIn(address, block, 32));

function isPublicV6(address: bigint): boolean {
  if (isIn(address, MAPPED, 128) || isIn(address, NAT64, 128)) return isPublicV4(address & 0xffff_ffffn);
  return isIn(address, GIVEN_OUT, 128) && !V6.some((block) => isIn(address, block, 128));
}

const v4Text = (address: bigint): string => [24n, 16n, 8n, 0n].map((shift) => String((address >> shift) & 0xffn)).join('.');
const v6Text = (address: bigint): string => Array.from({ length: 8 }, (_, i) => ((address >> BigInt(112 - 16 * i)) & 0xffffn).toString(16)).join(':');

/** Anywhere, and at the edges of each block, where mistakes are. */
const near = (all: readonly Block[], width: number): fc.Arbitrary<bigint> => {
  const top = (1n << BigInt(width)) - 1n;
  const edges = all.flatMap(({ network, prefix }) => [network, network + (1n << BigInt(width - prefix))]);
  return fc.oneof(
    fc.bigInt(0n, top),
    fc.tuple(fc.constantFrom(...edges), fc.bigInt(-2n, 2n)).map(([edge, by]) => (edge + by < 0n ? 0n : edge + by > top ? top : edge + by)),
    fc.tuple(fc.constantFrom(...all), fc.bigInt(0n, top)).map(([{ network, prefix }, any]) => network | (any & ((1n << BigInt(width - prefix)) - 1n))),
  );
};

const isReachable = (text: string): boolean => {
  const address = parsedAddress(text);
  return address !== undefined && isGlobal(address);
};

test('an address of IPv4 is public when no registry has it for something else', () => {
  fc.assert(
    fc.property(near(V4, 32), (address) => {
      expect([v4Text(address), isReachable(v4Text(address))]).toEqual([v4Text(address), isPublicV4(address)]);
    }),
    { numRuns: 3000 },
  );
});

test('an address of IPv6 is public when it is given out and no registry has it for something else, nor what it hides', () => {
  const hidden = fc.tuple(fc.constantFrom('::', '::ffff:0:0', '64:ff9b::', '64:ff9b:1::'), near(V4, 32)).map(([prefix, four]) => v6Bits(prefix) | four);
  const others = blocks(['fe80::/10', 'fec0::/10', 'fc00::/7', 'ff00::/8', '100::/64', '5f00::/16', '::1/128', '2000::/3'], v6Bits);
  fc.assert(
    fc.property(fc.oneof(near([...V6, ...others], 128), hidden), (address) => {
      expect([v6Text(address), isReachable(v6Text(address))]).toEqual([v6Text(address), isPublicV6(address)]);
    }),
    { numRuns: 3000 },
  );
});

test.each(['', '1.2.3', '256.1.1.1', '::1%lo', '2606:4700::1%eth0', 'example.com', '1.1.1.1/32', '1.1.1.1 '])('%o is no address, and not reachable', (text) => {
  expect(isReachable(text)).toBe(false);
});
