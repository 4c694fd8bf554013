// Starts what is due on the database given, each start a row beside its schedule, until it is killed.
import 'reflect-metadata';
import { Schedules } from '../../src/jobs/index.js';
import { newId, silentLog } from '../../src/kernel/index.js';
import { Database, type Connection } from '../../src/store/index.js';

const connection = JSON.parse(process.argv[2] ?? '') as Connection;
const database = await Database.open({ connection, entities: [], statementTimeoutMs: 10_000 });
const schedules = new Schedules({ database, log: silentLog });
schedules.owner('Thing', async (tx, owner, due) => {
  await tx.query('INSERT INTO started (owner, due) VALUES ($1, $2)', [owner, due]);
  // Long enough to be killed between the start and the next time.
  await tx.query('SELECT pg_sleep(0.01)');
  return newId();
});
schedules.start();
console.log('ready');
