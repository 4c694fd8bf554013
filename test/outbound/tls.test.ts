import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Resolve } from '../../src/outbound/index.js';
import { asked, Opened, refusal } from './support.js';

const canMake = spawnSync('openssl', ['version']).status === 0;
const opened = new Opened();
const resolve: Resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
let server: Server;
let certificate: string;
let port: number;

beforeAll(async () => {
  if (!canMake) return;
  const folder = await mkdtemp(join(tmpdir(), 'headgate-tls-'));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=data.example.com'];
  const named = ['-addext', 'subjectAltName=DNS:data.example.com', '-keyout', keyFile, '-out', certFile];
  await promisify(execFile)('openssl', ['req', '-x509', ...made, ...named]);
  certificate = await readFile(certFile, 'utf8');
  server = createServer({ key: await readFile(keyFile), cert: certificate }, (request, response) => {
    if (request.url === '/plain') response.writeHead(302, { location: 'http://data.example.com/' }).end();
    else response.end(`for ${request.headers.host ?? ''}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  await rm(folder, { recursive: true });
});
afterAll(async () => {
  await opened.close();
  server?.closeAllConnections();
  server?.close();
});

test('TLS is trusted by its certificate and its name only, whatever address the name has', async (context) => {
  if (!canMake) return context.skip('there is no openssl to make a certificate with');
  const outbound = opened.outbound({ allow: '127.0.0.1', resolve });
  const unknown = await refusal(outbound.fetch(asked(`https://data.example.com:${port}/`, { headers: { authorization: 'secret' } })));
  expect(unknown).toMatchObject({ code: 'UNAVAILABLE', details: { host: 'data.example.com', reason: 'DEPTH_ZERO_SELF_SIGNED_CERT' } });

  setDefaultCACertificates([...getCACertificates(), certificate]);
  const known = opened.outbound({ allow: '127.0.0.1', resolve });
  expect(await (await known.fetch(asked(`https://data.example.com:${port}/`))).text()).toBe(`for data.example.com:${port}`);
  for (const host of ['other.example.com', '127.0.0.1']) {
    expect(await refusal(known.fetch(asked(`https://${host}:${port}/`)))).toMatchObject({
      code: 'UNAVAILABLE',
      details: { host, reason: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
  }
  const downgraded = await refusal(known.fetch(asked(`https://data.example.com:${port}/plain`)));
  expect(downgraded).toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringContaining('from https to http') });
});
