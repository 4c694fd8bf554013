// Opens the store on the folder given, keeps one more committed row there, says where the server is, and closes the
// store when its standard input ends.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/index.js';
import { isHeadgateError } from '../../src/kernel/index.js';
import { openStore } from '../../src/store/index.js';

const [home = ''] = process.argv.slice(2);
try {
  const store = await openStore(loadConfig({ HEADGATE_HOME: home }), []);
  await store.database.query('CREATE TABLE IF NOT EXISTS work.kept (id bigint GENERATED ALWAYS AS IDENTITY)');
  await store.database.query('INSERT INTO work.kept DEFAULT VALUES');
  const [kept] = await store.database.query<{ rows: number }>('SELECT count(*)::int AS rows FROM work.kept');
  const postmaster = Number((await readFile(join(home, 'postgres/pgdata/postmaster.pid'), 'utf8')).split('\n')[0]);
  console.log(JSON.stringify({ rows: kept?.rows, postmaster, uid: process.getuid?.() }));
  process.stdin.resume();
  process.stdin.on('end', () => void store.close());
} catch (error) {
  if (!isHeadgateError(error)) throw error;
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
