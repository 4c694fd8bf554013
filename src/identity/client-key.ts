import { isIPv6 } from 'node:net';
import type { Principal } from './principal.js';

/**
 * Whose share of the process a request takes: the subject under its kind of credential, so that a new token or another key
 * of the same subject is the same client. Requests without a credential share one by the network of their socket.
 * @param address of the socket, never from a header, which a client writes as it likes
 */
export function clientKey({ anonymous, subject, credential = '' }: Principal, address?: string): string {
  return anonymous ? `anonymous ${networkOf(address)}` : `${credential.slice(0, Math.max(credential.indexOf(':'), 0))} ${subject}`;
}

/** An IPv4 address as it is; of an IPv6 one the first half, since whoever has one has all with the same first half. */
export function networkOf(address = 'unknown'): string {
  const [plain = address] = address.split('%');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(plain)) return plain;
  const [head = [], tail] = plain.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = tail === undefined ? 0 : 8 - head.length - tail.length;
  return `${[...head, ...Array.from({ length: zeros }, () => '0'), ...(tail ?? [])].slice(0, 4).join(':')}::/64`;
}
