import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyAudit } from '../../src/audit/index.js';
import { aRead, AuditWorld } from '../audit/support.js';
import { until } from '../support/processes.js';

let world: AuditWorld;
const processes: Worker[] = [];

beforeAll(async () => {
  world = await AuditWorld.open();
});
afterAll(async () => {
  for (const worker of processes) await worker.kill();
  await world?.close();
});

/** A process of its own that writes and seals; `said` holds each act that it was told is durable. */
class Worker {
  readonly said = new Set<string>();
  leads = false;
  readonly #process: ChildProcess;

  constructor(name: string) {
    const hooks = join(import.meta.dirname, '../support/decorators.js');
    const args = [JSON.stringify(world.database.connection), join(world.folder, 'common.ndjson'), name];
    this.#process = spawn(process.execPath, ['--import', hooks, join(import.meta.dirname, 'audit-worker.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let rest = '';
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [subject = '', leads] = line.split(' ');
        if (subject !== 'ready') this.said.add(subject);
        this.leads = leads === 'leads';
      }
    });
    processes.push(this);
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }
}

async function sealed(): Promise<number> {
  const [row] = await world.database.query<{ n: number }>('SELECT count(*)::int AS n FROM headgate.audit_entry');
  return row?.n ?? 0;
}

test(
  'whichever process that seals is killed, another goes on within two seconds; none is lost or twice, and the chain holds',
  { timeout: 240_000 },
  async () => {
    let workers = [new Worker('a'), new Worker('b'), new Worker('c')];
    const pauses: number[] = [];
    for (let round = 0; round < 3; round++) {
      await until(
        'one leads and all have written',
        () => workers.filter((worker) => worker.leads).length === 1 && workers.every((worker) => worker.said.size > 20),
        60_000,
      );
      const leader = workers.find((worker) => worker.leads);
      if (!leader) throw new Error('nobody leads');
      await leader.kill();
      const [before, began] = [await sealed(), performance.now()];
      await until('another one seals', async () => (await sealed()) > before, 10_000);
      pauses.push(performance.now() - began);
      workers = [...workers.filter((worker) => worker !== leader), new Worker(`new-${round}`)];
    }
    for (const worker of processes) await worker.kill();
    expect(Math.max(...pauses), `pauses of ${pauses.map(Math.round).join(', ')} ms`).toBeLessThan(2_000);

    await world.audit.record(aRead(1));
    const last = world.sealer();
    await last.sealNow();
    await last.stop();
    const said = processes.flatMap((worker) => [...worker.said]);
    const rows = await world.database.query<{ principal: string }>('SELECT principal FROM headgate.audit_record');
    const recorded = rows.map(({ principal }) => principal);
    expect(new Set(recorded).size).toBe(recorded.length);
    const found = new Set(recorded);
    expect(said.filter((subject) => !found.has(subject))).toEqual([]);
    const verification = await verifyAudit({ database: world.database, key: world.key, checkpointsFile: join(world.folder, 'common.ndjson') });
    expect(verification).toMatchObject({ valid: true, entries: recorded.length });
    console.log(
      `${said.length} acts of ${processes.length} processes, ${verification.checkpoints} checkpoints, handed over in ${pauses.map(Math.round).join(', ')} ms`,
    );
  },
);
