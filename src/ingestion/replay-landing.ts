import type { Dataset } from '../catalog/index.js';
import { identifier, join, literal, param, raw, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { ENVELOPE_START, type FieldCipher } from '../vault/index.js';
import { keepUnchanged } from './captured-changes.js';
import { type ContractRules, place } from './contract-rules.js';
import { expectation } from './field-input.js';
import type { Landed, LandingJob } from './landing.js';
import { reasonsOf } from './quarantine.js';
import { REFUSED_VALUE, Sealer } from './sealer.js';
import { readStage } from './text-landing.js';
import { LANDED, RAW_ROW, REFUSED, rows, run } from './work-tables.js';

/** Rows of the quarantine that are to be loaded. */
export interface Replay {
  /** Absent: all that are open. */
  readonly ids?: readonly string[] | undefined;
  /** By the name of a field: the text that takes the place of what came. */
  readonly patch: Readonly<Record<string, string | null>>;
  /** Of encrypted fields. */
  readonly cipher?: Pick<FieldCipher, 'open' | 'seal'> | undefined;
}

type RawRow = Readonly<Record<string, string | null>>;

const REPLAYED = raw('pg_temp.replayed');
/** Rows whose encrypted values are sealed anew at a time. */
const BATCH = 500;

/** Lands rows from the quarantine as their texts are there, with the patch in them; each is read as a row of CSV is. */
export async function landQuarantined(job: LandingJob, replay: Replay): Promise<Landed> {
  const { tx, dataset, rules } = job;
  const chosen = replay.ids === undefined ? raw('true') : sql`id = ANY (${param(replay.ids, 'bigint[]')})`;
  const read = await run(
    tx,
    sql`CREATE TEMP TABLE replayed ON COMMIT DROP AS SELECT row_number() OVER (ORDER BY id) AS _pos, q.* FROM (
      SELECT id, run_id, line, raw, reasons, unsent FROM headgate.quarantined_row
      WHERE dataset_id = ${param(dataset.id, 'uuid')} AND state = 'OPEN' AND ${chosen} ORDER BY id FOR UPDATE) AS q`,
  );
  await nameFields(tx, dataset);
  await patchRows(tx, dataset, replay);
  const columns = dataset.fields.map(({ name }) => sql`q.raw ->> ${literal(name)} AS ${identifier(name)}`);
  await run(tx, sql`CREATE TEMP TABLE stage ON COMMIT DROP AS SELECT q._pos, q.line AS _line, ${join(columns)} FROM ${REPLAYED} q`);
  await run(tx, readStage({ ...job, format: 'csv' }));
  await markMisfits(tx, dataset, rules, replay);
  await fillUnsent(tx, dataset, rules, replay);
  const keepRaw = async () => {
    await run(tx, sql`INSERT INTO ${RAW_ROW} SELECT q._pos, q.line, q.raw FROM ${REPLAYED} q WHERE q._pos IN (SELECT _pos FROM ${REFUSED})`);
  };
  return { read, keepRaw, newColumns: [] };
}

/** What came under a name that has become an alias since. Where the field is there by its own name too, nobody can say which counts. */
async function nameFields(tx: Transaction, dataset: Dataset): Promise<void> {
  for (const { name, aliases = [] } of dataset.fields) {
    for (const alias of aliases) {
      await run(
        tx,
        sql`UPDATE ${REPLAYED} SET raw = (raw - ${literal(alias)}) || jsonb_build_object(${literal(name)}, raw -> ${literal(alias)})
          WHERE jsonb_exists(raw, ${literal(alias)}) AND NOT jsonb_exists(raw, ${literal(name)})`,
      );
    }
  }
}

async function patchRows(tx: Transaction, dataset: Dataset, { patch, cipher }: Replay): Promise<void> {
  if (Object.keys(patch).length === 0) return;
  const sealer = new Sealer(dataset);
  if (sealer.fields.size === 0) {
    await run(tx, sql`UPDATE ${REPLAYED} SET raw = raw || ${param(JSON.stringify(patch), 'jsonb')}`);
    return;
  }
  if (!cipher) throw new Error('a replay of encrypted fields without what encrypts');
  for (let after = 0; ;) {
    const page = await rows<{ pos: number; raw: RawRow }>(
      tx,
      sql`SELECT _pos::float8 AS pos, raw FROM ${REPLAYED} WHERE _pos > ${param(after, 'bigint')} ORDER BY _pos LIMIT ${raw(String(BATCH))}`,
    );
    if (page.length === 0) return;
    after = page.at(-1)?.pos ?? 0;
    const sealed = await sealPatched(page, { sealer, patch, cipher });
    await run(
      tx,
      sql`UPDATE ${REPLAYED} q SET raw = n.raw FROM jsonb_to_recordset(${param(JSON.stringify(sealed), 'jsonb')}) AS n(pos bigint, raw jsonb) WHERE q._pos = n.pos`,
    );
  }
}

interface Patching {
  readonly sealer: Sealer;
  readonly patch: Replay['patch'];
  readonly cipher: Pick<FieldCipher, 'open' | 'seal'>;
}

/**
 * The rows with the patch in them, and no value of an encrypted field plain. A value is encrypted for the person that the row is
 * about: where the patch makes that another one, those that were there are encrypted anew.
 */
async function sealPatched(page: readonly { readonly pos: number; readonly raw: RawRow }[], { sealer, patch, cipher }: Patching) {
  const names = [...sealer.fields.keys()];
  const subjectOf = (row: RawRow) => (sealer.subject === undefined ? null : (row[sealer.subject] ?? null));
  const envelopes = page.flatMap(({ raw: row }, i) =>
    names.flatMap((name) => {
      const envelope = row[name];
      if (name in patch || !envelope?.startsWith(ENVELOPE_START)) return [];
      const places = [subjectOf(row), subjectOf({ ...row, ...patch })].map((subject) => sealer.placeOf(name, subject));
      return places[0]?.subject === places[1]?.subject ? [] : [{ i, name, place: sealer.placeOf(name, subjectOf(row)), envelope }];
    }),
  );
  const opened = await cipher.open(envelopes);
  const plain = [
    ...envelopes.map(({ i, name }, n) => ({ i, name, value: opened[n] ?? null })),
    ...page.flatMap((_, i) => names.filter((name) => name in patch).map((name) => ({ i, name, value: patch[name] ?? null }))),
  ];
  const results = page.map(({ pos, raw: row }) => ({ pos, raw: { ...row, ...patch } as Record<string, string | null> }));
  const toSeal = plain.flatMap(({ i, name, value }) => {
    const row = results[i]?.raw ?? {};
    const piece = value === null ? null : sealer.toSeal(name, subjectOf(row), value);
    row[name] = piece === null ? null : REFUSED_VALUE;
    return piece === null || Buffer.isBuffer(piece) ? [] : [{ row, name, piece }];
  });
  const sealed = await cipher.seal(toSeal.map(({ piece }) => piece));
  toSeal.forEach(({ row, name }, n) => {
    row[name] = sealed[n] ?? REFUSED_VALUE;
  });
  return results;
}

/**
 * What a change did not send is as it is in the dataset now. Where the row is not there it can't be known: the change is refused again,
 * unless the patch has the values.
 */
async function fillUnsent(tx: Transaction, dataset: Dataset, rules: ContractRules, { patch, cipher }: Replay): Promise<void> {
  const key = join(dataset.key.map((name) => sql`l.${identifier(name)}::text`));
  if (dataset.key.length === 0) return;
  const found = await rows<{ line: number; key: string[]; unsent: string[] }>(
    tx,
    sql`SELECT q._pos::float8 AS line, jsonb_build_array(${key}) AS key, q.unsent FROM ${REPLAYED} q JOIN ${LANDED} l ON l._pos = q._pos WHERE q.unsent <> '{}' AND l._bad IS NULL`,
  );
  const isOpen = (field: string) => !(field in patch) && dataset.fields.some(({ name }) => name === field);
  const unchanged = found.map(({ unsent, ...row }) => ({ ...row, fields: unsent.filter(isOpen) })).filter(({ fields }) => fields.length > 0);
  if (unchanged.length > 0) await keepUnchanged(tx, { dataset, rules, cipher }, unchanged);
}

/** What CSV could not tell of a row that was refused: a line that is no object, another column, something nested where a text must be. */
async function markMisfits(tx: Transaction, dataset: Dataset, rules: ContractRules, { patch }: Replay): Promise<void> {
  const known = sql`ARRAY[${join(dataset.fields.map(({ name }) => literal(name)))}]`;
  const mark = (bad: Sql, when: Sql) => run(tx, sql`UPDATE ${LANDED} SET _bad = ${bad} FROM ${REPLAYED} q WHERE q._pos = landed._pos AND ${when}`);
  const added = (at: number | undefined) => sql`coalesce(_bad, '{}') || ${place(at)}`;
  for (const field of dataset.fields) {
    if (field.type !== 'text' || field.list || field.encrypted || field.name in patch) continue;
    // With the words: the field may have been of another type then.
    const reason = JSON.stringify([{ field: field.name, rule: 'type', message: `expected ${expectation(field)}` }]);
    await mark(added(rules.typeOf.get(field.name)), sql`q.reasons @> ${param(reason, 'jsonb')} AND q.raw ->> ${literal(field.name)} IS NOT NULL`);
  }
  await mark(added(rules.drift), sql`EXISTS (SELECT FROM jsonb_each_text(q.raw - ${known}) AS e(k, v) WHERE k <> '' AND v IS NOT NULL)`);
  await mark(sql`ARRAY[${place(rules.notAnObject)}]`, sql`jsonb_exists(q.raw, '')`);
}

/**
 * Takes the rows that are loaded, or were there already, out of the quarantine. The others stay, as they were tried and with why
 * they were refused now. Returns how many.
 */
export async function settleReplay(tx: Transaction, runId: string, rules: ContractRules): Promise<number> {
  const by = param(runId, 'uuid');
  await run(
    tx,
    sql`INSERT INTO headgate.replay (run_id, of_run_id, rows, passed)
      SELECT ${by}, q.run_id, count(*), count(*) FILTER (WHERE r._pos IS NULL) FROM ${REPLAYED} q LEFT JOIN ${REFUSED} r ON r._pos = q._pos GROUP BY q.run_id`,
  );
  const stayed = await run(
    tx,
    sql`UPDATE headgate.quarantined_row t SET raw = q.raw, reasons = ${reasonsOf(rules)}, attempts = t.attempts + 1, last_run_id = ${by}
      FROM ${REPLAYED} q JOIN ${REFUSED} r ON r._pos = q._pos WHERE t.id = q.id`,
  );
  await run(
    tx,
    sql`DELETE FROM headgate.quarantined_row t USING ${REPLAYED} q WHERE t.id = q.id AND NOT EXISTS (SELECT FROM ${REFUSED} r WHERE r._pos = q._pos)`,
  );
  return stayed;
}
