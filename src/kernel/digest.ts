import { hash } from 'node:crypto';

/** Lower-case hex SHA-256. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

/** The first 16 bytes of SHA-256 as base64url: short enough for names and cursors, long enough not to collide. */
export function fingerprint(data: string): string {
  return hash('sha256', data, 'buffer').subarray(0, 16).toString('base64url');
}
