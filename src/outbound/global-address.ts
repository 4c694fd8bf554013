import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** The addresses that are given out for the internet; all others of IPv6 are reserved, local, or translate to something else. */
const GLOBAL_V6 = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number];

/** NAT64's well-known prefix (RFC 6052): the last 32 bits are an address of IPv4, and it is that which is reached. */
const NAT64 = ipaddr.parseCIDR('64:ff9b::/96') as [ipaddr.IPv6, number];

/** An address as one that can be compared: IPv4 in the clothes of IPv6 is IPv4. Nothing for a text that is none, or has a zone. */
export function parsedAddress(text: string): Address | undefined {
  // A zone names an interface of this machine: nothing out there has one.
  if (text.includes('%') || isIP(text) === 0) return undefined;
  return ipaddr.process(text);
}

/**
 * Whether the address is that of one machine on the internet, by IANA's registries of special addresses: not loopback, private, link-local,
 * shared, multicast, reserved, of documentation or of a benchmark, nor one that hides such an address. 6to4 and Teredo are none.
 */
export function isGlobal(address: Address): boolean {
  if (address.kind() === 'ipv4') return address.range() === 'unicast';
  const six = address as ipaddr.IPv6;
  if (six.match(NAT64)) return isGlobal(new ipaddr.IPv4(six.toByteArray().slice(12)));
  return six.match(GLOBAL_V6) && six.range() === 'unicast';
}
