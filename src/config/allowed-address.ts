import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** A place inside the own network that may be reached: a host by its name, or addresses; with a port that one only. */
export type AllowedAddress = { readonly host: string; readonly port?: number } | { readonly range: string; readonly port?: number };

export const ALLOWED_ADDRESSES = 'hosts, addresses or ranges with commas between (internal.example.com, localhost:9000, 10.1.2.3, 10.1.0.0/16, [fd00::1]:9000)';

/** Nothing when one of them can't be read. */
export function allowedAddresses(text: string): readonly AllowedAddress[] | undefined {
  const parts = text.split(',').map((part) => allowedAddress(part.trim().toLowerCase()));
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

function allowedAddress(text: string): AllowedAddress | undefined {
  if (text.includes('/')) return range(text);
  if (isIP(text) === 6) return range(`${text}/128`);
  const { host, bracketed, digits } = /^(?:\[(?<bracketed>[^\]]+)\]|(?<host>[^:[\]]+))(?::(?<digits>\d{1,5}))?$/.exec(text)?.groups ?? {};
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  const withPort = port === undefined ? {} : { port };
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? spread(range(`${bracketed}/128`), withPort) : undefined;
  if (host === undefined) return undefined;
  if (isIP(host) === 4) return spread(range(`${host}/32`), withPort);
  const name = hostName(host);
  return name === undefined ? undefined : { host: name, ...withPort };
}

/** As a URL has it, without a dot at its end. */
function hostName(text: string): string | undefined {
  if (!/^[^\s/?#@%*\\]+$/.test(text) || !URL.canParse(`http://${text}`)) return undefined;
  const name = new URL(`http://${text}`).hostname.replace(/\.$/, '');
  // Another spelling of an address: it would be taken for a name that never matches.
  return name === '' || isIP(name) !== 0 ? undefined : name;
}

/** `10.1.2.3/16` is a mistake as often as it means 10.1.0.0/16, so it is refused. */
function range(text: string): { readonly range: string } | undefined {
  if (text.includes('%') || !/^[\d.]+\/\d{1,2}$|^[\da-f:.]+\/\d{1,3}$/.test(text) || isIP(text.split('/', 1)[0] ?? '') === 0) return undefined;
  if (!ipaddr.isValidCIDR(text)) return undefined;
  const [address, bits] = ipaddr.parseCIDR(text);
  const network = address.kind() === 'ipv4' ? ipaddr.IPv4.networkAddressFromCIDR(text) : ipaddr.IPv6.networkAddressFromCIDR(text);
  return network.toNormalizedString() === address.toNormalizedString() ? { range: `${address.toString()}/${bits}` } : undefined;
}

function spread(found: { readonly range: string } | undefined, port: { readonly port?: number }): AllowedAddress | undefined {
  return found && { ...found, ...port };
}
