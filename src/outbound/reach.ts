import { lookup as systemLookup } from 'node:dns/promises';
import type { LookupAddress, LookupOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import ipaddr from 'ipaddr.js';
import type { AllowedAddress } from '../config/index.js';
import { HeadgateError } from '../kernel/index.js';
import { isGlobal, parsedAddress } from './global-address.js';

/** All addresses of a name. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

export interface ReachOptions {
  readonly allow: readonly AllowedAddress[];
  readonly resolve?: Resolve | undefined;
}

interface Range {
  readonly cidr: [ipaddr.IPv4 | ipaddr.IPv6, number];
  readonly port: number | undefined;
}

/** Which addresses may be reached: those on the internet, and what the configuration allows. */
export class Reach {
  readonly #resolve: Resolve;
  readonly #hosts: readonly { readonly host: string; readonly port?: number }[];
  readonly #ranges: readonly Range[];

  constructor({ allow, resolve = (host) => systemLookup(host, { all: true }) }: ReachOptions) {
    this.#resolve = resolve;
    this.#hosts = allow.filter((entry) => 'host' in entry);
    this.#ranges = allow.flatMap((entry) => ('range' in entry ? [{ cidr: ipaddr.parseCIDR(entry.range), port: entry.port }] : []));
  }

  /**
   * The addresses of a host that may be reached on a port; never none. Without a port, what is allowed for one port only is not.
   * @throws HeadgateError BAD_USER_INPUT when none may be reached, whatever it resolves to; UNAVAILABLE when the name has no address.
   */
  async addresses(host: string, port: number | undefined, isTrusted = false): Promise<readonly LookupAddress[]> {
    const name = bare(host);
    const isAllowed = isTrusted || this.#allowsHost(name, port);
    const family = isIP(name);
    const found = family === 0 ? await this.#resolved(name) : [{ address: name, family }];
    const reachable = found.filter(({ address }) => isAllowed || this.#allowsAddress(address, port));
    if (reachable.length === 0) throw refused(name);
    return reachable;
  }

  /** For a host that is an address: sockets connect to it without a look-up. A name passes. @throws HeadgateError BAD_USER_INPUT. */
  checkLiteral(host: string, port: number): void {
    const name = bare(host);
    if (isIP(name) !== 0 && !this.#allowsAddress(name, port)) throw refused(name);
  }

  /** What sockets look names up with, so that the very address that was checked is the one that is connected to. */
  lookupFor(port: number | undefined, isTrusted = false): LookupFunction {
    const look = callbackify(async (hostname: string, family: LookupOptions['family']) => {
      const wanted = (await this.addresses(hostname, port, isTrusted)).filter((each) => isOfFamily(each, family));
      const [first] = wanted;
      if (!first) throw unknownHost(bare(hostname));
      return { wanted, first };
    });
    return (hostname, { all, family }, done) => {
      look(hostname, family, (error, found) => {
        if (error) done(error, '', 0);
        else if (all) done(null, found.wanted);
        else done(null, found.first.address, found.first.family);
      });
    };
  }

  #allowsHost(name: string, port: number | undefined): boolean {
    return this.#hosts.some((entry) => entry.host === name && isOfPort(entry.port, port));
  }

  #allowsAddress(text: string, port: number | undefined): boolean {
    const address = parsedAddress(text);
    if (!address) return false;
    return isGlobal(address) || this.#ranges.some((range) => isOfPort(range.port, port) && isWithin(address, range.cidr));
  }

  async #resolved(name: string): Promise<readonly LookupAddress[]> {
    const found = await this.#resolve(name).catch(() => []);
    if (found.length === 0) throw unknownHost(name);
    return found;
  }
}

/** As configuration and sockets have it: without brackets and the dot at the end, in small letters. */
export function bare(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(?<inside>.*)\]$/, '$<inside>')
    .replace(/\.$/, '');
}

function isOfPort(allowed: number | undefined, port: number | undefined): boolean {
  return allowed === undefined || allowed === port;
}

function isWithin(address: ipaddr.IPv4 | ipaddr.IPv6, [network, bits]: Range['cidr']): boolean {
  return address.kind() === network.kind() && (address as ipaddr.IPv4).match(network as ipaddr.IPv4, bits);
}

function isOfFamily({ family }: LookupAddress, wanted: LookupOptions['family']): boolean {
  if (!wanted) return true;
  return family === (wanted === 'IPv4' ? 4 : wanted === 'IPv6' ? 6 : wanted);
}

/** The same for all that may not be reached: what a name resolves to, and whether something answers there, is nobody's to learn. */
function refused(host: string): HeadgateError {
  return new HeadgateError(
    'BAD_USER_INPUT',
    `${host} may not be reached: only public addresses may. If it is meant, the operator allows it in HEADGATE_OUTBOUND_ALLOW.`,
    { host },
  );
}

function unknownHost(host: string): HeadgateError {
  return new HeadgateError('UNAVAILABLE', `The host ${host} is not found. Look at its name, or try again later.`, { host });
}
