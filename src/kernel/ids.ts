import { randomUUID } from 'node:crypto';

/** A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then randomness, so that ids sort by time of creation. */
export function newId(now: number = Date.now()): string {
  const time = now.toString(16).padStart(12, '0');
  // Node draws the randomness of many UUIDs at once; asking for 16 bytes each time costs a call to the system.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}
