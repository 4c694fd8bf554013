import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { CheckpointPoster, verifyAudit, type Checkpoint, type CheckpointPosterOptions } from '../../src/audit/index.js';
import { silentLog, type Log } from '../../src/kernel/index.js';
import { Outbound } from '../../src/outbound/index.js';
import { aRead, AuditWorld, until } from './support.js';

let world: AuditWorld;
const outbound = new Outbound({ allow: [], log: silentLog });
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  world = await AuditWorld.open();
});
beforeEach(async () => {
  await world.clear();
  await world.database.query('TRUNCATE headgate.audit_receiver');
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
afterAll(async () => {
  await outbound.close();
  await world?.close();
});

/** Keeps what it takes; how it answers can be changed. */
class Receiver {
  readonly lines: string[] = [];
  readonly headers: IncomingHttpHeaders[] = [];
  attempts = 0;
  status = 204;
  location: string | undefined;
  /** Held until it is called. */
  release: (() => void) | undefined;
  isSlow = false;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(port = 0): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', async (request, response) => {
      receiver.attempts += 1;
      const body = await text(request);
      if (receiver.isSlow) await new Promise<void>((resolve) => (receiver.release = resolve));
      if (receiver.status < 300) {
        receiver.lines.push(body);
        receiver.headers.push(request.headers);
      }
      response.writeHead(receiver.status, receiver.location === undefined ? {} : { location: receiver.location }).end();
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => receiver.stop());
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/checkpoints?secret=1`;
  }

  get seqs(): string[] {
    return this.lines.map((line) => (JSON.parse(line) as Checkpoint).seq);
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.release?.();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function poster(url: string, options: Partial<CheckpointPosterOptions> = {}): CheckpointPoster {
  const made = new CheckpointPoster({ database: world.database, log: silentLog, outbound, url, lookMs: 20, pauseMs: 10, longestPauseMs: 40, ...options });
  closers.unshift(() => made.close());
  made.start();
  return made;
}

/** `count` checkpoints, each of one more entry. */
async function sign(count: number, onCheckpoint?: () => void): Promise<string> {
  const checkpointsFile = world.newFile();
  const sealer = world.sealer({ checkpointEveryMs: 0, checkpointsFile, ...(onCheckpoint && { onCheckpoint }) });
  for (let i = 0; i < count; i++) {
    await world.audit.record(aRead(i));
    await sealer.sealNow();
  }
  await sealer.stop();
  return checkpointsFile;
}

test('each checkpoint is posted in order, with the token, as the line that the file has; what is kept is a checkpoints file', async () => {
  const receiver = await Receiver.start();
  const made = poster(receiver.url, { token: 'only-for-you', lookMs: 60_000 });
  await sign(3, () => made.wake());
  await until(() => receiver.lines.length === 3);
  expect(receiver.seqs).toEqual(['1', '2', '3']);
  expect(receiver.headers[0]).toMatchObject({ 'content-type': 'application/json', authorization: 'Bearer only-for-you' });
  const kept = world.newFile();
  await writeFile(kept, receiver.lines.map((line) => `${line}\n`).join(''));
  const verify = async () => verifyAudit({ database: world.database, key: world.key, checkpointsFile: kept });
  expect(await verify()).toMatchObject({ valid: true, checkpoints: 6 });

  // An older copy of the database is put back: it is whole in itself, and only who kept the checkpoints can tell.
  await world.database.query('DELETE FROM headgate.audit_entry WHERE seq > 2');
  await world.database.query('DELETE FROM headgate.audit_checkpoint WHERE seq > 2');
  expect(await verifyAudit({ database: world.database, key: world.key })).toMatchObject({ valid: true });
  expect(await verify()).toMatchObject({ valid: false, problem: { kind: 'truncated', seq: '3' } });
});

test('what could not be sent is sent later, in order, after a restart too', async () => {
  const receiver = await Receiver.start();
  const attempts: boolean[] = [];
  const lines: object[] = [];
  const log = { ...silentLog, warn: (what: object) => lines.push(what) } as unknown as Log;
  receiver.status = 503;
  const first = poster(receiver.url, { onAttempt: (isTaken) => attempts.push(isTaken), log });
  await sign(2);
  await until(() => receiver.attempts >= 3);
  await first.close();
  expect(attempts.every((isTaken) => !isTaken)).toBe(true);
  expect(lines[0]).toEqual({ to: `http://127.0.0.1:${receiver.port}`, reason: 'it was answered with 503' });
  expect(receiver.lines).toEqual([]);

  receiver.status = 200;
  poster(receiver.url);
  await until(() => receiver.lines.length === 2);
  await sign(1);
  await until(() => receiver.lines.length === 3);
  expect(receiver.seqs).toEqual(['1', '2', '3']);
});

test('a receiver that is away, or does not answer, keeps nothing from being sealed and signed', async () => {
  const away = await Receiver.start();
  const { url, port } = away;
  await away.stop();
  poster(url, { timeoutMs: 50 });
  await sign(2);
  expect(await world.database.query('SELECT FROM headgate.audit_checkpoint')).toHaveLength(2);
  const back = await Receiver.start(port);
  back.isSlow = true;
  await until(() => back.attempts >= 2);
  await sign(1);
  expect(await world.database.query('SELECT FROM headgate.audit_checkpoint')).toHaveLength(3);
  back.isSlow = false;
  back.release?.();
  // Those that timed out were taken all the same, so some came more than once.
  await until(() => back.seqs.at(-1) === '3');
  expect([...new Set(back.seqs)]).toEqual(['1', '2', '3']);
  const kept = world.newFile();
  await writeFile(kept, back.lines.map((line) => `${line}\n`).join(''));
  expect(await verifyAudit({ database: world.database, key: world.key, checkpointsFile: kept })).toMatchObject({ valid: true, entries: 3 });
});

test('a redirect is not followed: the token is for one place', async () => {
  const other = await Receiver.start();
  const receiver = await Receiver.start();
  receiver.status = 307;
  receiver.location = other.url;
  poster(receiver.url, { token: 'secret' });
  await sign(1);
  await until(() => receiver.attempts >= 2);
  expect(other.attempts).toBe(0);
});

test('two processes send each checkpoint once', async () => {
  const receiver = await Receiver.start();
  const [one, two] = [poster(receiver.url), poster(receiver.url)];
  await sign(10, () => {
    one.wake();
    two.wake();
  });
  await until(() => receiver.lines.length >= 10);
  await Promise.all([one.close(), two.close()]);
  expect(receiver.seqs).toEqual(Array.from({ length: 10 }, (_, i) => String(i + 1)));
});

test('a new place gets all of them from the first', async () => {
  const [one, two] = [await Receiver.start(), await Receiver.start()];
  poster(one.url);
  await sign(2);
  await until(() => one.lines.length === 2);
  poster(two.url);
  await until(() => two.lines.length === 2);
  expect(two.lines).toEqual(one.lines);
});
