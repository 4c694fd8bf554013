import type { FastifyServerOptions } from 'fastify';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { HeadgateError } from '../kernel/index.js';
import { problemOf, sendProblem } from './problem.js';

const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** Of one part of a path; the names that we give are far shorter. */
const LONGEST_PART = 200;

/** What is refused before there is a route for it: the same problems as everywhere, where Fastify has words of its own. */
export const UNROUTED = {
  routerOptions: { maxParamLength: LONGEST_PART },
  frameworkErrors: (error, _request, reply) => {
    void reply.headers({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    void sendProblem(reply, refusalOf(error.code));
  },
  clientErrorHandler: (error, socket) => answerRaw((error as NodeJS.ErrnoException).code, socket as Socket),
} satisfies FastifyServerOptions;

function refusalOf(code: string): HeadgateError {
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') return new HeadgateError('NOT_FOUND', `There is nothing here whose name has more than ${LONGEST_PART} characters.`);
  return new HeadgateError(
    'BAD_USER_INPUT',
    'The path of the URL can not be read: a % is followed by two hexadecimal digits, and all of them together are UTF-8.',
  );
}

/** What came is no HTTP request, so there is neither request nor reply. */
function answerRaw(code: string | undefined, socket: Socket): void {
  if (code === 'ECONNRESET' || socket.destroyed || !socket.writable) return;
  const [status, error] = rawRefusalOf(code);
  const body = JSON.stringify(problemOf(error, status));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function rawRefusalOf(code: string | undefined): [number, HeadgateError] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return [408, new HeadgateError('TIMEOUT', 'The request took too long to arrive. Send it again.')];
  if (code === 'HPE_HEADER_OVERFLOW')
    return [431, new HeadgateError('BAD_USER_INPUT', 'The headers of the request are too large: 16 KB are allowed. Send fewer, or a shorter credential.')];
  return [400, new HeadgateError('BAD_USER_INPUT', 'What came is not an HTTP request. Check the URL: http:// and https:// are not the same port here.')];
}
