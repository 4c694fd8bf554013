import { inspect } from 'node:util';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { asked, Opened, refusal, type Heard } from './support.js';

const opened = new Opened();

afterEach(async () => await opened.close());

const PLANTED = 'hunter2canary';

/** Ways to fail, each of a server of its own; `path` may be told, all else of the URL not. */
const FAILURES: Record<string, () => Promise<Heard>> = {
  'no HTTP': () => opened.raw((socket) => socket.end(`${PLANTED}\r\n\r\n`)),
  'bad headers': () => opened.raw((socket) => socket.end(`HTTP/1.1 200 OK\r\n${PLANTED}\x01: ${PLANTED}\r\n\r\n`)),
  'cut off': () => opened.raw((socket) => socket.end(`HTTP/1.1 200 OK\r\nset-cookie: ${PLANTED}\r\ncontent-length: 100\r\n\r\n${PLANTED}`)),
  reset: () => opened.raw((socket) => socket.resetAndDestroy()),
  stalled: () => opened.raw(() => undefined),
  'not JSON': () => opened.server((_, response) => response.end(PLANTED)),
  'not gzip': () => opened.server((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(PLANTED)),
  'unknown coding': () => opened.server((_, response) => response.writeHead(200, { 'content-encoding': PLANTED }).end()),
  'too large': () => opened.server((_, response) => response.end(PLANTED.repeat(1000))),
  'redirected inside': () => opened.server((_, response) => response.writeHead(302, { location: `http://u:${PLANTED}@10.0.0.1/?${PLANTED}` }).end()),
  'redirected nowhere': () => opened.server((_, response) => response.writeHead(302, { location: `x:${PLANTED}` }).end()),
  'in a circle': () => opened.server((_, response) => response.writeHead(302, { location: `/?${PLANTED}` }).end()),
  'a body to another': () => opened.server((_, response) => response.writeHead(307, { location: `http://example.com/?${PLANTED}` }).end()),
  'nobody there': async () => {
    const gone = await opened.server(() => undefined);
    await opened.close();
    return gone;
  },
};

test.each(Object.keys(FAILURES))('no secret of a request or an answer is told when it fails: %s', async (name) => {
  const heard = await FAILURES[name]?.();
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
  const outbound = opened.outbound({ allow: '127.0.0.1', log });
  const request = asked(`http://user:${PLANTED}@127.0.0.1:${heard?.port}/path?key=${PLANTED}#${PLANTED}`, {
    method: 'POST',
    body: PLANTED,
    headers: { authorization: `Bearer ${PLANTED}`, 'x-custom': PLANTED, cookie: PLANTED },
    maxBytes: 1000,
    timeoutMs: 300,
  });
  for (const trusted of [false, true]) {
    const error = await refusal(outbound.fetch({ ...request, trusted }).then((answer) => answer.json()));
    expect(error.code).toMatch(/^(BAD_USER_INPUT|UNAVAILABLE|TIMEOUT|DATA_REJECTED)$/);
    expect(error.details).toHaveProperty('host');
    log.error({ err: error }, 'failed');
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PLANTED);
  }
  expect(lines.join('')).not.toContain(PLANTED);
  expect(lines.length).toBeGreaterThan(2);
});

test('of a URL that is a secret as a whole not even the path is told', async () => {
  const heard = await opened.raw((socket) => socket.end());
  const error = await refusal(opened.outbound().fetch(asked(heard.url(`/services/${PLANTED}`), { trusted: true })));
  expect(error.message).toContain(`http://127.0.0.1:${heard.port}`);
  expect(inspect(error, { depth: 10 })).not.toContain(PLANTED);
});

test.each([
  [`http://user:${PLANTED}@[`, {}],
  [`${PLANTED}://x`, {}],
  ['http://example.com/', { headers: { 'x-a': `${PLANTED}\n` } }],
  ['http://example.com/', { method: PLANTED }],
])('nor of a request that can not be sent: %s', async (url, more) => {
  const error = await refusal(opened.outbound().fetch(asked(url, more)));
  expect(error.code).toBe('BAD_USER_INPUT');
  expect(inspect(error, { depth: 10 })).not.toContain(PLANTED);
});
