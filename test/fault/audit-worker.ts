// A process that seals on the database given, and writes acts to it: says each that was durable, until it is killed.
import 'reflect-metadata';
import { AuditCheckpointEntity, AuditEntryEntity, AuditLog, Sealer } from '../../src/audit/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { Database, KeyRing, type Connection } from '../../src/store/index.js';

const [connection = '', checkpointsFile = '', name = ''] = process.argv.slice(2);
const database = await Database.open({
  connection: JSON.parse(connection) as Connection,
  entities: [AuditEntryEntity, AuditCheckpointEntity],
  statementTimeoutMs: 10_000,
});
const key = new KeyRing(Buffer.alloc(32, 7)).signingKey('audit');
const sealer = new Sealer({ database, log: silentLog, key, checkpointsFile, batch: 50, checkpointEveryEntries: 200, intervalMs: 5, lockRetryMs: 500 });
const audit = new AuditLog({ database, log: silentLog, mode: 'strict' });
sealer.start();
console.log('ready');
for (let n = 0; ; n++) {
  const subject = `${name}-${n}`;
  await audit.record({ actor: { subject, roles: [] }, action: 'read', decision: 'ALLOWED' });
  // Written at once: what was said is durable, whatever becomes of this process.
  process.stdout.write(`${subject}${sealer.leading ? ' leads' : ''}\n`);
}
