import { once } from 'node:events';
import type { Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { asked, Opened, refusal } from './support.js';

const opened = new Opened();

afterEach(async () => await opened.close());

const MIB = 1024 ** 2;
const reach = () => opened.outbound({ allow: '127.0.0.1' });

/** What a raw server's answer, and the end of the connection, is to who fetches and reads it. */
async function told(talk: (socket: Socket) => void, more = {}): Promise<unknown> {
  const heard = await opened.raw(talk);
  return await refusal(
    reach()
      .fetch(asked(heard.url(), more))
      .then((answer) => answer.bytes()),
  );
}

describe('an answer', () => {
  test.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['identity', (content: Buffer) => content],
  ])('that is packed as %s is unpacked', async (coding, pack) => {
    const heard = await opened.server((_, response) =>
      response.writeHead(200, { 'content-encoding': coding, 'x-a': ['1', '2'] }).end(pack(Buffer.from('{"a":"ä"}'))),
    );
    const answer = await reach().fetch(asked(heard.url()));
    expect([answer.status, answer.header('X-A'), await answer.json()]).toEqual([200, '1, 2', { a: 'ä' }]);
    expect(heard.requests[0]?.headers).toMatchObject({ 'accept-encoding': 'gzip, deflate, br, zstd', 'user-agent': 'headgate' });
  });

  test('of any status is an answer', async () => {
    const heard = await opened.server((_, response) => response.writeHead(503, { 'retry-after': '3' }).end('later'));
    const answer = await reach().fetch(asked(heard.url()));
    expect([answer.status, await answer.text()]).toEqual([503, 'later']);
  });

  test('to HEAD has no body, whatever its headers say of one', async () => {
    const heard = await opened.server((_, response) => response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': '100' }).end());
    expect(await (await reach().fetch(asked(heard.url(), { method: 'HEAD' }))).bytes()).toHaveLength(0);
  });

  test.each([
    ['text/plain; charset=iso-8859-1', Buffer.from([0xe4]), 'ä'],
    ['text/plain', Buffer.from('ä'), 'ä'],
    ['text/plain', Buffer.from([0xe4]), undefined],
    ['text/plain; charset=none', Buffer.from('a'), undefined],
  ])('of the type %s with %o is the text %s', async (type, bytes, text) => {
    const heard = await opened.server((_, response) => response.writeHead(200, { 'content-type': type }).end(bytes));
    const read = (await reach().fetch(asked(heard.url()))).text();
    if (text !== undefined) expect(await read).toBe(text);
    else expect(await refusal(read)).toMatchObject({ code: 'DATA_REJECTED' });
  });

  test('that is not JSON is refused without being quoted', async () => {
    const heard = await opened.server((_, response) => response.end('{"name": planted'));
    const error = await refusal((await reach().fetch(asked(heard.url()))).json());
    expect(error).toMatchObject({ code: 'DATA_REJECTED', details: { host: '127.0.0.1' } });
    expect(`${error.message} ${error.stack} ${String(error.cause)}`).not.toContain('planted');
  });
});

describe('an answer that is too large', () => {
  test('by its own word is refused before it is read', async () => {
    const heard = await opened.server((_, response) => {
      response.writeHead(200, { 'content-length': String(100 * MIB) });
      response.write('x');
    });
    const error = await refusal(reach().fetch(asked(heard.url(), { maxBytes: 1000 })));
    expect(error).toMatchObject({ code: 'DATA_REJECTED', details: { expected: 1000, host: '127.0.0.1' } });
  });

  test('without a word is cut off where it is, and so is the connection', async () => {
    const closed = Promise.withResolvers<void>();
    const heard = await opened.server((_, response) => {
      response.on('close', () => closed.resolve());
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) continue;
      };
      response.on('drain', more);
      more();
    });
    const answer = await reach().fetch(asked(heard.url(), { maxBytes: MIB }));
    expect(await refusal(answer.bytes())).toMatchObject({ code: 'DATA_REJECTED', details: { expected: MIB } });
    await closed.promise;
  });

  test.each([
    ['gzip', gzipSync(Buffer.alloc(8 * MIB))],
    ['br', brotliCompressSync(Buffer.alloc(8 * MIB))],
    ['zstd', zstdCompressSync(Buffer.alloc(8 * MIB))],
  ])('when unpacked is refused: %s', async (coding, bomb) => {
    const heard = await opened.server((_, response) => response.writeHead(200, { 'content-encoding': coding }).end(bomb));
    const answer = await reach().fetch(asked(heard.url(), { maxBytes: 100_000 }));
    expect(await refusal(answer.bytes())).toMatchObject({ code: 'DATA_REJECTED', details: { expected: 100_000 } });
  });

  test('in no proportion to what was sent is refused, within the bound on bytes too', async () => {
    const heard = await opened.server((_, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end(zstdCompressSync(Buffer.alloc(8 * MIB))));
    const answer = await reach().fetch(asked(heard.url(), { maxBytes: 1e12 }));
    expect(await refusal(answer.bytes())).toMatchObject({ code: 'DATA_REJECTED', message: expect.stringMatching(/1000 times/) });
  });

  test.each(['gzip, gzip', 'gzip,br', 'compress', 'gzip, identity, zstd'])('or could be, packed twice or in unknown ways (%s), is refused', async (coding) => {
    const nested = gzipSync(gzipSync(Buffer.alloc(MIB)));
    const heard = await opened.server((_, response) => response.writeHead(200, { 'content-encoding': coding }).end(nested));
    expect(await refusal(reach().fetch(asked(heard.url())))).toMatchObject({ code: 'DATA_REJECTED' });
  });

  test('in its headers is refused', async () => {
    const error = await told((socket) => socket.write(`HTTP/1.1 200 OK\r\n${`x-a: ${'x'.repeat(8000)}\r\n`.repeat(5)}\r\n`));
    expect(error).toMatchObject({ code: 'DATA_REJECTED', message: expect.stringContaining('headers') });
  });

  test('in endless headers is refused', async () => {
    const error = await told((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const more = (): void => {
        while (!socket.destroyed && socket.write('x-a: yyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n'.repeat(100))) continue;
      };
      socket.on('drain', more);
      more();
    });
    expect(error).toMatchObject({ code: 'DATA_REJECTED', message: expect.stringContaining('headers') });
  });
});

describe('an answer that is cut off is no short answer', () => {
  test.each([
    ['before its end', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345'],
    ['in a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n123'],
    ['before the last chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n'],
    ['in its headers', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['before its headers', ''],
  ])('%s', async (_, text) => {
    expect(await told((socket) => socket.end(text))).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringMatching(/whole/) });
  });

  test('by a reset', async () => {
    const error = await told((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345', () => socket.resetAndDestroy()));
    expect(error).toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('in what is packed', async () => {
    const packed = gzipSync('a'.repeat(1000)).subarray(0, 20);
    const heard = await opened.server((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed));
    const error = await refusal((await reach().fetch(asked(heard.url('/x')))).text());
    expect(error).toMatchObject({ code: 'DATA_REJECTED', details: { host: '127.0.0.1' }, message: expect.stringContaining('cut off') });
  });

  test('what is not HTTP is told as such', async () => {
    expect(await told((socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'))).toMatchObject({ code: 'DATA_REJECTED' });
  });
});

describe('an answer that takes too long', () => {
  test('to begin is given up', async () => {
    expect(await told(() => undefined, { timeoutMs: 100 })).toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('100 milliseconds') });
  });

  test('because nothing comes any more is given up', async () => {
    const error = await told((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345'), { idleTimeoutMs: 100 });
    expect(error).toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('nothing for 100 milliseconds') });
  });

  test('because it comes byte by byte is given up at the end of the whole time', async () => {
    const error = await told(
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n');
        const drip = setInterval(() => socket.write('x'), 10);
        socket.on('close', () => clearInterval(drip));
      },
      { timeoutMs: 200, idleTimeoutMs: 150 },
    );
    expect(error).toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('200 milliseconds') });
  });

  test('with redirects that each take a while is given up at the end of the whole time', async () => {
    const heard = await opened.server((_, response) => void setTimeout(() => response.writeHead(302, { location: '/' }).end(), 60));
    expect(await refusal(reach().fetch(asked(heard.url(), { timeoutMs: 100 })))).toMatchObject({ code: 'TIMEOUT' });
  });

  test('to be read by nobody lets go of its connection', async () => {
    const closed = Promise.withResolvers<void>();
    const heard = await opened.server((_, response) => {
      response.on('close', () => closed.resolve());
      response.writeHead(200).write('x');
    });
    await reach().fetch(asked(heard.url(), { timeoutMs: 100 }));
    await closed.promise;
  });
});

describe('a fetch ends', () => {
  test('with the reason of who aborts it, before and while the body is read', async () => {
    const heard = await opened.server((_, response) => response.write('x'));
    const reason = new Error('cancelled');
    expect(await refusal(reach().fetch(asked(heard.url(), { signal: AbortSignal.abort(reason) })))).toBe(reason);
    const aborting = new AbortController();
    const answer = await reach().fetch(asked(heard.url(), { signal: aborting.signal }));
    const read = refusal(answer.bytes());
    aborting.abort(reason);
    expect(await read).toBe(reason);
  });

  test('when the client is closed', async () => {
    const heard = await opened.raw(() => undefined);
    const outbound = reach();
    const fetched = refusal(outbound.fetch(asked(heard.url())));
    await outbound.close();
    expect(await fetched).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('stops') });
    expect(await refusal(outbound.fetch(asked(heard.url())))).toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('of a body that is not read to its end, with its connection', async () => {
    const closed = Promise.withResolvers<void>();
    const heard = await opened.server((_, response) => {
      response.on('close', () => closed.resolve());
      response.write('x');
    });
    const answer = await reach().fetch(asked(heard.url()));
    for await (const chunk of answer.body) {
      expect(chunk.toString()).toBe('x');
      break;
    }
    await closed.promise;
  });

  test('where nothing listens', async () => {
    const gone = await opened.server(() => undefined);
    await opened.close();
    expect(await refusal(reach().fetch(asked(gone.url())))).toMatchObject({ code: 'UNAVAILABLE', details: { reason: 'ECONNREFUSED' } });
  });

  test('where TLS is spoken to what has none', async () => {
    const heard = await opened.raw((socket) => socket.end('HTTP/1.1 400 no\r\n\r\n'));
    expect(await refusal(reach().fetch(asked(heard.url().replace('http:', 'https:'))))).toMatchObject({ code: 'UNAVAILABLE' });
  });
});

test('many at once share connections and all come through', async () => {
  const heard = await opened.server((request, response) => response.end(request.url));
  const outbound = reach();
  const texts = await Promise.all(Array.from({ length: 100 }, async (_, i) => await (await outbound.fetch(asked(heard.url(`/${i}`)))).text()));
  expect(texts).toEqual(Array.from({ length: 100 }, (_, i) => `/${i}`));
  expect(heard.connectedTo.length).toBeLessThanOrEqual(32);
});

test('what is sent arrives', async () => {
  const heard = await opened.server(async (request, response) => {
    const [body] = (await once(request, 'data')) as [Buffer];
    response.end(`${request.method} ${request.url} ${body.toString()} ${String(request.headers['x-a'])}`);
  });
  const [user, password] = ['ann', 'p@ss word'].map(encodeURIComponent);
  const url = `http://${user}:${password}@127.0.0.1:${heard.port}/a%20b?c=d#e`;
  const answer = await reach().fetch(asked(url, { method: 'PUT', body: Buffer.from('body'), headers: { 'X-A': '1' } }));
  expect(await answer.text()).toBe('PUT /a%20b?c=d body 1');
  expect(heard.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('ann:p@ss word').toString('base64')}`);
  expect(answer.url).toBe(heard.url('/a%20b?c=d'));
});

test.each([
  { method: 'CONNECT' },
  { method: 'get x' },
  { headers: { Host: 'internal' } },
  { headers: { 'transfer-encoding': 'chunked' } },
  { headers: { 'content-length': '3' } },
  { headers: { 'x-a': '1\r\nx-b: 2' } },
  { headers: { 'x a': '1' } },
  { headers: { 'x-a': '\u{1F600}' } },
])('%o is not sent', async (more) => {
  const heard = await opened.server((_, response) => response.end());
  expect(await refusal(reach().fetch(asked(heard.url(), more)))).toMatchObject({ code: 'BAD_USER_INPUT' });
  expect(heard.connectedTo).toEqual([]);
});
