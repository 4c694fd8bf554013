import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyAudit } from '../../src/audit/index.js';
import { AuditWorld } from './support.js';
import { writeMany } from './many.js';

/** `AUDIT_ENTRIES=1000000 npx vitest run test/audit/million.slow.test.ts` prints the figure of the manual. */
const COUNT = Number(process.env['AUDIT_ENTRIES'] ?? 100_000);
let world: AuditWorld;

beforeAll(async () => {
  world = await AuditWorld.open();
  await world.months('2091-01', '2091-02');
  const client = await world.database.pool.connect();
  await writeMany(client, { count: COUNT, start: new Date('2091-01-25T00:00:00Z'), everyMs: 1_000 }).finally(() => client.release());
}, 600_000);
afterAll(async () => await world?.close());

test('a long record is verified as a stream: told how far it is, and in memory that does not grow', { timeout: 300_000 }, async () => {
  const told: number[] = [];
  let most = 0;
  const before = process.memoryUsage().rss;
  const [began, used] = [performance.now(), process.cpuUsage()];
  const onProgress = (entries: number): void => {
    told.push(entries);
    most = Math.max(most, process.memoryUsage().rss);
  };
  expect(await verifyAudit({ database: world.database, key: world.key, onProgress })).toMatchObject({ valid: true, entries: COUNT });
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(used);
  const cpu = ((user + system) / 1e6).toFixed(1);
  console.log(
    `${COUNT} entries verified in ${seconds.toFixed(1)} s, ${cpu} s of it on our processor, ${Math.round((most - before) / 1024 ** 2)} MiB more in use`,
  );
  expect(told.length).toBeGreaterThan(10);
  expect(told.at(-1)).toBe(COUNT);
  expect(most - before).toBeLessThan(300 * 1024 ** 2);
});
