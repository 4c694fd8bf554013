import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from './statistics.ts';

// The program as it is built; the bench does not see its sources.
const dist = new URL('../../dist/src/', import.meta.url);
const { startApp } = (await import(new URL('app.js', dist).href)) as { startApp: (config: unknown) => Promise<App> };
const { loadConfig } = (await import(new URL('config/index.js', dist).href)) as { loadConfig: (env: Record<string, string>) => unknown };
const { createToken } = (await import(new URL('identity/index.js', dist).href)) as {
  createToken: (ring: unknown, who: object) => Promise<{ readonly token: string }>;
};

interface App {
  readonly url: string | undefined;
  readonly keyRing: unknown;
  close(): Promise<void>;
}

const rows = Number(process.env['BENCH_ENCRYPTION_ROWS'] ?? 100_000);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
const PAGE = 1_000;

const dataset = (name: string, encrypted: boolean) => `kind: Dataset
name: ${name}
fields:
  - { name: id, type: integer }
  - { name: person, type: text }
  - { name: national_id, type: text${encrypted ? ', encrypted: true' : ''} }
  - { name: country, type: text }
key: [id]
subject: person
---
kind: Grant
name: see-${name}
to: { roles: [reader] }
on: { datasets: [${name}] }
rights: [read, export]
fields: { '*': allow }
---
`;

const home = await mkdtemp(join(tmpdir(), 'headgate-bench-encryption-'));
const app = await startApp(loadConfig({ HEADGATE_HOME: home, PORT: '0', LOG_LEVEL: 'silent' }));
const token = async (role: string) => (await createToken(app.keyRing, { subject: role, roles: [role], ttlSeconds: 3_600 })).token;
const [admin, reader] = [await token('admin'), await token('reader')];

async function post(path: string, who: string, type: string, body: string): Promise<string> {
  const response = await fetch(`${app.url}${path}`, { method: 'POST', headers: { 'content-type': type, authorization: `Bearer ${who}` }, body });
  const text = await response.text();
  if (!response.ok || text.includes('"errors"')) throw new Error(text.slice(0, 500));
  return text;
}

const ask = (who: string, query: string, variables: object = {}) => post('/graphql', who, 'application/json', JSON.stringify({ query, variables }));

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

try {
  await ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: dataset('plain', false) + dataset('sealed', true) });
  // Each person has one row; a second load finds the keys of all of them there.
  const csv = (round: number) =>
    `id,person,national_id,country\n${Array.from({ length: rows }, (_, i) => `${i},person-${i},${round}-${i * 7_919}-${i % 97},DE\n`).join('')}`;
  const load = (name: string, content: string) => post(`/ingest/${name}?mode=replace`, admin, 'text/csv', content);
  const fresh = { plain: await seconds(() => load('plain', csv(0))), sealed: await seconds(() => load('sealed', csv(0))) };
  const loads = { plain: [] as number[], sealed: [] as number[] };
  const reads = { plain: [] as number[], sealed: [] as number[] };
  const finds = { plain: [] as number[], sealed: [] as number[] };
  const exports = { plain: [] as number[], sealed: [] as number[] };
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of ['plain', 'sealed'] as const) {
      loads[name].push(await seconds(() => load(name, csv(round))));
      const page = `{ ${name}(first: ${PAGE}, orderBy: [{ id: ASC }]) { nodes { id nationalId country } } }`;
      // Once to prepare the statement.
      await ask(reader, page);
      for (let i = 0; i < 5; i += 1) reads[name].push(await seconds(() => ask(reader, page)));
      const one = `query ($v: String!) { ${name}(where: { nationalId: { eq: $v } }) { nodes { id nationalId } } }`;
      for (let i = 0; i < 5; i += 1) finds[name].push(await seconds(() => ask(reader, one, { v: `${round}-${(i + 1) * 7_919}-${i + 1}` })));
      exports[name].push(
        await seconds(async () => (await fetch(`${app.url}/export/${name}?format=csv`, { headers: { authorization: `Bearer ${reader}` } })).arrayBuffer()),
      );
    }
  }
  const line = (what: string, unit: string, factor: number, { plain, sealed }: { readonly plain: number; readonly sealed: number }) =>
    console.log(
      `${what.padEnd(44)} plain ${(plain * factor).toFixed(1)} ${unit}, encrypted ${(sealed * factor).toFixed(1)} ${unit}, ${(sealed / plain).toFixed(1)}x`,
    );
  const medians = ({ plain, sealed }: typeof loads) => ({ plain: median(plain), sealed: median(sealed) });
  line(`load of ${rows} rows, all persons new`, 's', 1, fresh);
  line(`load of ${rows} rows, their keys there`, 's', 1, medians(loads));
  line(`page of ${PAGE} rows`, 'ms', 1_000, medians(reads));
  line('rows found by eq (the plain one: no index)', 'ms', 1_000, medians(finds));
  line(`export of ${rows} rows as CSV`, 's', 1, medians(exports));
} finally {
  await app.close();
  await rm(home, { recursive: true, force: true });
}
