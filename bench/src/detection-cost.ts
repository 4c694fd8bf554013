import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { headgateApp, headgateCatalog, headgateClassification, headgateConfig, headgateIdentity, headgateStore } from './headgate.ts';
import { Random } from './random.ts';
import { median } from './statistics.ts';
import { upload } from './upload.ts';

/** What the look for tags adds to a load: the load of a large file as a user sends it, and the look alone on the table that it made. */
const ROWS = Number(process.env['BENCH_LOAD_ROWS'] ?? 1_000_000);
const ROUNDS = 5;
const MANIFEST = `
kind: Dataset
name: people
fields:
  - { name: id, type: bigint }
  - { name: email, type: text }
  - { name: phone, type: text }
  - { name: iban, type: text }
  - { name: card_number, type: bigint }
  - { name: first_name, type: text }
  - { name: born, type: date }
  - { name: reference, type: text }
`;
const silent = new Proxy({}, { get: () => () => undefined }) as never;

const home = await mkdtemp(join(tmpdir(), 'headgate-bench-'));
const config = (await headgateConfig()).loadConfig({ HEADGATE_HOME: home, PORT: '0', LOG_LEVEL: 'fatal' });
try {
  const seconds = await load();
  const looks = await look();
  const ms = median(looks);
  console.log(`a load of ${ROWS.toLocaleString('en')} rows x 8 columns took ${seconds.toFixed(2)} s, quality report and look for tags included`);
  console.log(
    `the look alone, median of ${ROUNDS}: ${ms.toFixed(0)} ms (${looks.map((one) => one.toFixed(0)).join(' ')}), ${((100 * ms) / 1000 / seconds).toFixed(1)}% of the load`,
  );
} finally {
  await rm(home, { recursive: true, force: true });
}

async function load(): Promise<number> {
  const file = join(home, 'people.csv');
  await pipeline(Readable.from(lines()), createWriteStream(file));
  const app = await (await headgateApp()).startApp(config);
  try {
    const { createToken } = await headgateIdentity();
    const { token } = await createToken(app.keyRing, { subject: 'bench', roles: ['admin'], ttlSeconds: 3600 });
    const url = app.url ?? '';
    const applied = await fetch(new URL('/manifests', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ files: [{ file: 'people.yaml', text: MANIFEST }] }),
    });
    if (!applied.ok) throw new Error(await applied.text());
    const began = performance.now();
    await upload(url, token, file, '/ingest/people?mode=replace', { rows: ROWS });
    return (performance.now() - began) / 1000;
  } finally {
    await app.close();
  }
}

function* lines(): Generator<string> {
  const random = new Random(8);
  yield 'id,email,phone,iban,card_number,first_name,born,reference\n';
  for (let id = 0; id < ROWS; id++) {
    const digits = String(random.below(10_000_000)).padStart(7, '0');
    yield `${id},p${digits}@example.com,+49 30 ${digits},DE89370400440532${digits.slice(0, 6)},411111${digits}000,Ann,19${50 + random.below(50)}-02-0${1 + random.below(9)},${digits}-${id}\n`;
  }
}

/** Each in a transaction that is taken back, so that the next one looks again. */
async function look(): Promise<number[]> {
  const { openStore } = await headgateStore();
  const { loadCatalog, catalogEntities } = await headgateCatalog();
  const { TagDetection, TagProposalEntity } = await headgateClassification();
  const { database, close } = await openStore(config, [...catalogEntities, TagProposalEntity]);
  try {
    const detection = new TagDetection({ audit: { recordIn: async () => undefined }, log: silent });
    const dataset = (await database.transaction((tx) => loadCatalog(tx))).datasets.get('people');
    if (!dataset) throw new Error('the dataset is gone');
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const undone = new Error('undone');
      await database
        .transaction(async (tx) => {
          const began = performance.now();
          await detection.afterLoad(tx, dataset, { runId: dataset.id, outcome: { mode: 'replace', rowCount: ROWS }, actor: { subject: 'bench', roles: [] } });
          times.push(performance.now() - began);
          throw undone;
        })
        .catch((error: unknown) => {
          if (error !== undone) throw error;
        });
    }
    return times;
  } finally {
    await close();
  }
}
