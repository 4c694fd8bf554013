import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { HeadgateError } from '../kernel/index.js';
import { problemOf } from './problem.js';

/** Whether a request asks for a WebSocket. One for another protocol (HTTP/2 in the clear) is answered as if it asked for none. */
export function isWebSocketUpgrade({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * Why there is no WebSocket for a request; undefined when there is. Browsers let any page open one, and say which it was in
 * `Origin`: pages of this origin and of the configured ones may. Programs send no origin.
 */
export function upgradeRefusal({ url = '', headers }: IncomingMessage, origins: readonly string[]): HeadgateError | undefined {
  if (url.split('?')[0] !== '/graphql') return new HeadgateError('NOT_FOUND', 'There is a WebSocket at /graphql, and nowhere else.');
  const { origin, host } = headers;
  if (origin === undefined || origins.includes('*') || origins.includes(origin)) return undefined;
  if (URL.canParse(origin) && new URL(origin).host === host) return undefined;
  return new HeadgateError('FORBIDDEN', 'Pages of this origin may not connect. HEADGATE_CORS_ORIGINS names those that may.');
}

/** Answers with a problem, as everywhere, and ends the connection. */
export function refuseUpgrade(socket: Duplex, error: HeadgateError): void {
  const problem = problemOf(error);
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    'content-type: application/problem+json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
  ];
  socket.once('error', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
