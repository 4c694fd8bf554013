// A worker on the database and home given: says when it is ready, begins to work at a line of its input, and works until it is killed.
import 'reflect-metadata';
import type { Connection } from '../../src/store/index.js';
import { openService } from '../ingestion/service.js';

const [connection = '', home = ''] = process.argv.slice(2);
const service = await openService(JSON.parse(connection) as Connection, home, `worker-${process.pid}`);
console.log(JSON.stringify({ ready: true }));
process.stdin.once('data', () => {
  service.keeper.start();
  service.jobs.work('ingestion', service.ingestion.handler);
});
