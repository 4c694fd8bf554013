// Starts the compiled program as a user would, with an empty data directory; asks it one question; stops it.
// Cycles between modules pass in the test runner and crash here.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const LONGEST_START = 180_000;
const LONGEST_STOP = 30_000;

const home = await mkdtemp(join(tmpdir(), 'headgate-smoke-'));
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const output = [];

const server = spawn(process.execPath, [resolve('bin/headgate.js'), 'serve', '--demo', '--port', String(port)], {
  env: { ...process.env, HEADGATE_HOME: home },
  stdio: ['ignore', 'pipe', 'pipe'],
});
for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => output.push(chunk));
const ended = once(server, 'exit');

try {
  await ready();
  const answer = await ask('partner', '{ __typename airports(first: 1) { totalCount nodes { iata } } }');
  if (answer.data?.airports?.totalCount !== 3376) throw new Error(`an unexpected answer: ${JSON.stringify(answer)}`);
  const began = Date.now();
  server.kill('SIGTERM');
  const [code, signal] = await Promise.race([ended, delay(LONGEST_STOP, ['still running'])]);
  if (code !== 0) throw new Error(`after SIGTERM it ended with ${signal ?? code}`);
  if (existsSync(join(home, 'headgate.lock'))) throw new Error('it left its lock behind');
  if (existsSync(join(home, 'postgres/pgdata/postmaster.pid'))) throw new Error('it left its PostgreSQL behind');
  console.log(`ready, answered, and stopped in ${Date.now() - began} ms`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(printed());
  process.exitCode = 1;
  // In order first: killed outright, it would leave its PostgreSQL running.
  server.kill('SIGTERM');
  await Promise.race([ended, delay(LONGEST_STOP)]);
  server.kill('SIGKILL');
} finally {
  await ended;
  await rm(home, { recursive: true, force: true });
}

async function ready() {
  const end = Date.now() + LONGEST_START;
  while (Date.now() < end) {
    if (server.exitCode !== null) throw new Error(`it ended with ${server.exitCode} before it was ready`);
    const response = await fetch(`${url}/readyz`).catch(() => undefined);
    // It answers before the demo data are loaded; the tokens come after them.
    if (response?.ok && printed().includes('partner ')) return;
    await delay(200);
  }
  throw new Error(`it was not ready after ${LONGEST_START / 1000} seconds`);
}

async function ask(principal, query) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token(principal)}` };
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
  return response.json();
}

function printed() {
  return Buffer.concat(output).toString();
}

/** From the line that the start prints for each demo principal. */
function token(principal) {
  const line = printed()
    .split('\n')
    .find((text) => text.trimStart().startsWith(principal));
  const found = line?.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/);
  if (!found) throw new Error(`no token for ${principal} was printed`);
  return found[0];
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address();
  probe.close();
  await once(probe, 'close');
  return free;
}
