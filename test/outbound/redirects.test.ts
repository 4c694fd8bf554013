import { afterEach, describe, expect, test } from 'vitest';
import { redirected } from '../../src/outbound/redirect.js';
import { asked, Opened, refusal } from './support.js';

const opened = new Opened();

afterEach(async () => await opened.close());

const CREDENTIALS = { Authorization: 'Bearer secret', Cookie: 'a=secret', 'X-Api-Key': 'secret', 'Private-Token': 'secret', 'X-Signature': 'secret' };

test.each([
  'http://127.0.0.2:PORT/',
  'http://[::1]:PORT/',
  'http://2130706434:PORT/',
  '//127.0.0.2:PORT/',

  'http://169.254.169.254/latest',
])('a redirect to %s, inside, is refused', async (location) => {
  const heard = await opened.server((_, response) => response.writeHead(302, { location: location.replace('PORT', String(heard.port)) }).end());
  const error = await refusal(opened.outbound({ allow: '127.0.0.1' }).fetch(asked(heard.url())));
  expect(error).toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringContaining('HEADGATE_OUTBOUND_ALLOW') });
  expect(heard.connectedTo).toEqual(['127.0.0.1']);
});

test.each(['file:///etc/passwd', 'ftp://127.0.0.1/', 'javascript:alert(1)', 'http://'])('a redirect to %s is refused', async (location) => {
  const heard = await opened.server((_, response) => response.writeHead(301, { location }).end());
  expect(await refusal(opened.outbound({ allow: '127.0.0.1' }).fetch(asked(heard.url())))).toMatchObject({ code: 'BAD_USER_INPUT' });
});

test('five redirects are followed, and a sixth, or a circle, is not', async () => {
  const heard = await opened.server((request, response) => {
    const left = Number(request.url?.slice(1));
    if (left === 0) response.end('there');
    else response.writeHead(302, { location: left > 100 ? '/999' : `/${left - 1}` }).end();
  });
  const outbound = opened.outbound({ allow: '127.0.0.1' });
  const answer = await outbound.fetch(asked(heard.url('/5')));
  expect([await answer.text(), answer.url]).toEqual(['there', heard.url('/0')]);
  expect(await refusal(outbound.fetch(asked(heard.url('/6'))))).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('more than 5 times') });
  expect(await refusal(outbound.fetch(asked(heard.url('/999'))))).toMatchObject({ code: 'UNAVAILABLE' });
});

test('credentials stay with their origin, whatever header they are in', async () => {
  const other = await opened.server((_, response) => response.end('other'));
  const heard = await opened.server((request, response) => {
    if (request.url === '/same') response.writeHead(302, { location: '/end' }).end();
    else if (request.url === '/end') response.end('same');
    else response.writeHead(307, { location: `http://planted:password@127.0.0.1:${other.port}/` }).end();
  });
  const outbound = opened.outbound({ allow: '127.0.0.1' });
  await (await outbound.fetch(asked(heard.url('/same'), { headers: CREDENTIALS }))).text();
  expect(heard.requests[1]?.headers).toMatchObject({ authorization: 'Bearer secret', cookie: 'a=secret', 'x-api-key': 'secret', 'private-token': 'secret' });
  await (await outbound.fetch(asked(heard.url('/other'), { headers: { ...CREDENTIALS, Accept: 'text/csv' } }))).text();
  expect(other.requests).toHaveLength(1);
  expect(other.requests[0]?.headers).toMatchObject({ accept: 'text/csv' });
  expect(JSON.stringify(other.requests[0]?.rawHeaders)).not.toContain('secret');
  // Nor does it say who we are.
  expect(other.requests[0]?.headers).not.toHaveProperty('authorization');
});

test('a body is not handed on to another origin, and a form that was answered is not sent again', async () => {
  const other = await opened.server((_, response) => response.end('other'));
  const bodies: string[] = [];
  const heard = await opened.server((request, response) => {
    request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
    request.on('end', () => {
      if (request.url === '/307') response.writeHead(307, { location: `http://127.0.0.1:${other.port}/` }).end();
      else if (request.url === '/303') response.writeHead(303, { location: `http://127.0.0.1:${other.port}/` }).end();
      else if (request.url === '/308') response.writeHead(308, { location: '/end' }).end();
      else response.end('end');
    });
  });
  const outbound = opened.outbound({ allow: '127.0.0.1' });
  const post = { method: 'POST', body: 'client_secret=1', headers: { 'content-type': 'text/plain' } };
  expect(await refusal(outbound.fetch(asked(heard.url('/307'), post)))).toMatchObject({ code: 'BAD_USER_INPUT' });
  expect(other.requests).toEqual([]);
  await (await outbound.fetch(asked(heard.url('/303'), post))).text();
  expect(other.requests[0]).toMatchObject({ method: 'GET', headers: expect.not.objectContaining({ 'content-type': 'text/plain' }) });
  await (await outbound.fetch(asked(heard.url('/308'), post))).text();
  expect(heard.requests.at(-1)).toMatchObject({ method: 'POST', url: '/end' });
  expect(bodies).toEqual(['client_secret=1', 'client_secret=1', 'client_secret=1', 'client_secret=1']);
});

test('a redirect is an answer like any other for who asks for that', async () => {
  const heard = await opened.server((_, response) => response.writeHead(302, { location: '/end' }).end('moved'));
  const answer = await opened.outbound({ allow: '127.0.0.1' }).fetch(asked(heard.url(), { redirects: 'return' }));
  expect([answer.status, answer.header('Location'), await answer.text()]).toEqual([302, '/end', 'moved']);
});

describe('from https', () => {
  const hop = { url: new URL('https://a.example.com/x'), method: 'GET', headers: { authorization: 'secret', accept: '*/*' }, body: undefined };

  test('http is not gone to: what was private would be read, and changed, on its way', () => {
    expect(() => redirected(hop, 302, 'http://a.example.com/x')).toThrow(/from https to http/);
  });

  test.each(['https://b.example.com/', 'https://a.example.com:8443/', 'https://a.example.com.evil.example/'])('%s gets no credential', (location) => {
    expect(redirected(hop, 302, location)).toMatchObject({ headers: { accept: '*/*' } });
    expect(redirected(hop, 302, location)?.headers).not.toHaveProperty('authorization');
  });

  test('another path of the same origin gets them', () => {
    expect(redirected(hop, 302, '/y')?.headers).toEqual(hop.headers);
  });
});
