import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Resolve } from '../../src/outbound/index.js';
import { asked, Opened, refusal, type Heard } from './support.js';

const opened = new Opened();

afterEach(async () => await opened.close());

const REFUSED = { code: 'BAD_USER_INPUT', message: expect.stringContaining('HEADGATE_OUTBOUND_ALLOW') };

const answers =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

describe('no spelling of an address inside is reached', () => {
  test.each([
    '127.0.0.1',
    '127.1',
    '127.0.0.1.',
    '0x7f.0.0.1',
    '0x7f000001',
    '0177.0.0.1',
    '2130706433',
    '%31%32%37.0.0.1',
    '１２７.０.０.１',
    '127。0。0。1',
    '127.255.255.254',
    '0.0.0.0',
    '0',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '0xa9fea9fe',
    '100.64.0.1',
    '192.0.0.8',
    '198.18.0.1',
    '203.0.113.9',
    '224.0.0.1',
    '255.255.255.255',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:a9fe:a9fe]',
    '[::127.0.0.1]',
    '[0:0:0:0:0:ffff:7f00:1]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b::a9fe:a9fe]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    '[fe80::1]',
    '[fec0::1]',
    '[fc00::1]',
    '[fd00:ec2::254]',
    '[ff02::1]',
    '[2001:db8::1]',
    '[3fff::1]',
    '[5f00::1]',
    '[100::1]',
    'localhost',
    'LOCALHOST.',
  ])('%s', async (host) => {
    const heard = await opened.server((_, response) => response.end('inside'));
    const outbound = opened.outbound();
    const error = await refusal(outbound.fetch(asked(`http://${host}:${heard.port}/`)));
    expect(error).toMatchObject(REFUSED);
    expect(heard.connectedTo).toEqual([]);
  });

  test('nor for clients of other protocols', async () => {
    const heard = await opened.raw((socket) => socket.end());
    const outbound = opened.outbound();
    for (const host of ['127.0.0.1', '::1', '::1%lo', 'fe80::1%lo', '[::1]', '::ffff:10.0.0.1', 'localhost', 'localhost.']) {
      expect(await refusal(outbound.checkHost(host, heard.port))).toMatchObject(REFUSED);
    }
    for (const host of ['localhost', '0x7f.1', '2130706433']) {
      const socket = connect({ host, port: heard.port, lookup: outbound.lookup });
      expect(await once(socket, 'error')).toEqual([expect.objectContaining({ code: 'BAD_USER_INPUT' })]);
    }
    expect(heard.connectedTo).toEqual([]);
  });
});

test.each([
  'file:///etc/passwd',
  'ftp://example.com/',
  'gopher://127.0.0.1/',
  'data:text/plain,x',
  '//example.com',
  '/x',
  '',
  'http://',
  'http://[fe80::1%25lo]/',
])('%s is no URL to fetch', async (url) => {
  const error = await refusal(opened.outbound().fetch(asked(url)));
  expect(error).toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringContaining('http:// or https://') });
});

describe('what the configuration allows is reached, and nothing beside it', () => {
  test.each<[string, string, boolean]>([
    ['127.0.0.0/8', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '2130706433', true],
    ['127.0.0.1', '[::ffff:127.0.0.1]', true],
    ['127.0.0.1:PORT', '127.0.0.1', true],
    ['127.0.0.1:1', '127.0.0.1', false],
    ['127.0.0.2', '127.0.0.1', false],
    ['localhost', 'localhost', true],
    ['localhost', 'LOCALHOST.', true],
    ['localhost:PORT', 'localhost', true],
    ['localhost:1', 'localhost', false],
    // The name is allowed, and not the address that it has.
    ['localhost', '127.0.0.1', false],
    ['10.0.0.0/8,127.0.0.0/8', 'localhost', true],
    ['example.com', 'localhost', false],
    ['host', 'localhost', false],
  ])('with %s, %s: %s', async (allow, host, isAllowed) => {
    const heard = await opened.server((_, response) => response.end('inside'));
    // The system may say ::1 first, where the server is not.
    const outbound = opened.outbound({ allow: allow.replace('PORT', String(heard.port)), resolve: answers('127.0.0.1') });
    const fetched = outbound.fetch(asked(`http://${host}:${heard.port}/`));
    if (isAllowed) expect(await (await fetched).text()).toBe('inside');
    else expect(await refusal(fetched)).toMatchObject(REFUSED);
    expect(heard.connectedTo).toHaveLength(isAllowed ? 1 : 0);
  });

  test('for other protocols by the port as well', async () => {
    const heard = await opened.raw((socket) => socket.end());
    const outbound = opened.outbound({ allow: `db.internal:${heard.port}`, resolve: answers('127.0.0.1') });
    expect(await outbound.checkHost('db.internal', heard.port)).toEqual(['127.0.0.1']);
    expect(await refusal(outbound.checkHost('db.internal', heard.port + 1))).toMatchObject(REFUSED);
    await once(connect({ host: 'db.internal', port: heard.port, lookup: outbound.lookupFor(heard.port) }), 'connect');
    const [error] = await once(connect({ host: 'db.internal', port: heard.port, lookup: outbound.lookup }), 'error');
    expect(error).toMatchObject(REFUSED);
  });

  test('a trusted URL reaches its own host and port, on connections that nothing else is sent on', async () => {
    const heard = await opened.server((request, response) => {
      if (request.url === '/away') response.writeHead(302, { location: `http://127.0.0.2:${heard.port}/` }).end();
      else if (request.url === '/here') response.writeHead(302, { location: '/' }).end();
      else response.end('inside');
    });
    const outbound = opened.outbound({ resolve: answers('127.0.0.1') });
    const url = `http://secret.internal:${heard.port}/`;
    expect(await (await outbound.fetch(asked(url, { trusted: true }))).text()).toBe('inside');
    expect(await (await outbound.fetch(asked(`${url}here`, { trusted: true }))).text()).toBe('inside');
    expect(await refusal(outbound.fetch(asked(url)))).toMatchObject(REFUSED);
    expect(await refusal(outbound.fetch(asked(`${url}away`, { trusted: true })))).toMatchObject(REFUSED);
    expect(new Set(heard.connectedTo)).toEqual(new Set(['127.0.0.1']));
  });
});

test('who is redirected to by a trusted URL has no way back inside', async () => {
  const other = await opened.server((_, response) => response.writeHead(302, { location: `http://127.0.0.1:${heard.port}/chosen` }).end());
  const heard: Heard = await opened.server((_, response) => response.writeHead(302, { location: `http://other.example.com:${other.port}/` }).end());
  const outbound = opened.outbound({ allow: 'other.example.com', resolve: answers('127.0.0.1') });
  expect(await refusal(outbound.fetch(asked(heard.url(), { trusted: true })))).toMatchObject(REFUSED);
  expect([other, heard].map(({ requests }) => requests.map(({ url }) => url))).toEqual([['/'], ['/']]);
});

describe('DNS', () => {
  test.each([['10.0.0.1'], ['127.0.0.1', '::1'], ['::ffff:127.0.0.1'], ['169.254.169.254', 'fe80::1']])(
    'that answers %s opens nothing',
    async (...addresses) => {
      const heard = await opened.server((_, response) => response.end('inside'));
      const outbound = opened.outbound({ resolve: answers(...addresses) });
      const error = await refusal(outbound.fetch(asked(`http://data.example.com:${heard.port}/`)));
      expect(error).toMatchObject({ ...REFUSED, details: { host: 'data.example.com' } });
      for (const address of addresses) expect(`${error.message}${JSON.stringify(error.details)}`).not.toContain(address);
      expect(heard.connectedTo).toEqual([]);
    },
  );

  test('that answers with some that may be reached is used for these', async () => {
    const heard = await opened.server((_, response) => response.end('outside'));
    const outbound = opened.outbound({ allow: '127.0.0.1', resolve: answers('127.0.0.3', '127.0.0.1', '127.0.0.2') });
    expect(await outbound.checkHost('data.example.com', 80)).toEqual(['127.0.0.1']);
    expect(await (await outbound.fetch(asked(`http://data.example.com:${heard.port}/`))).text()).toBe('outside');
    expect(heard.connectedTo).toEqual(['127.0.0.1']);
  });

  test('that changes its answer between two looks does not lead inside', async () => {
    const heard = await opened.server((_, response) => response.writeHead(200, { connection: 'close' }).end('outside'));
    let looks = 0;
    // What is allowed here stands for a public address.
    const outbound = opened.outbound({ allow: '127.0.0.1', resolve: (host) => answers(looks++ === 0 ? '127.0.0.1' : '127.0.0.2')(host) });
    const url = `http://rebinding.example.com:${heard.port}/`;
    expect(await (await outbound.fetch(asked(url))).text()).toBe('outside');
    // What was checked is what was connected to: there is no second look.
    expect(looks).toBe(1);
    expect(await refusal(outbound.fetch(asked(url)))).toMatchObject(REFUSED);
    expect(heard.connectedTo).toEqual(['127.0.0.1']);
  });

  test('that knows no such name, or does not answer, is told', async () => {
    const none = opened.outbound({ resolve: () => Promise.reject(new Error('ENOTFOUND')) });
    expect(await refusal(none.fetch(asked('http://nowhere.example.com/')))).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('nowhere.example.com is not found'),
    });
    const silent = opened.outbound({ resolve: () => new Promise(() => undefined) });
    expect(await refusal(silent.fetch(asked('http://nowhere.example.com/', { timeoutMs: 30 })))).toMatchObject({ code: 'TIMEOUT' });
  });
});

test('proxies of the environment are not used', async () => {
  const proxy = await opened.server((_, response) => response.end('proxied'));
  const heard = await opened.server((_, response) => response.end('direct'));
  const before = { ...process.env };
  Object.assign(process.env, { HTTP_PROXY: proxy.url(), http_proxy: proxy.url(), ALL_PROXY: proxy.url(), NODE_USE_ENV_PROXY: '1' });
  try {
    expect(await (await opened.outbound({ allow: '127.0.0.1' }).fetch(asked(heard.url()))).text()).toBe('direct');
  } finally {
    for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
});
