import { isHeld, loadCatalog, loadHolds, type Dataset } from '../catalog/index.js';
import { isUuid } from '../kernel/index.js';
import { forgetContents } from '../lifecycle/index.js';
import type { Transaction } from '../store/index.js';
import type { FieldCipher } from '../vault/index.js';
import { openedContent } from './queued-content.js';

/**
 * Forgets the inline contents of given up loads in which a person may be, within `tx`: their rows are in no table yet, and which of them
 * are whose is not known before they are loaded. So a content goes as a whole when the person's key stands in it in any of the
 * ways in which it can be written, and its sender sends the others again. One in which somebody else may be whom a legal hold keeps stays.
 * @returns how many were forgotten
 */
export async function forgetKeptContent(tx: Transaction, cipher: FieldCipher, subject: string): Promise<number> {
  const holds = await personsHeld(tx, subject);
  const found: string[] = [];
  for (const kept of await keptContents(tx)) {
    const isIn = await whoIsIn(tx, kept, cipher);
    if ((isIn?.(subject) ?? true) && holdOn(isIn, holds) === undefined) found.push(kept.runId);
  }
  await forgetContents(tx, found);
  return found.length;
}

/** Whether a person may be in what `forgetKeptContent` would forget of the loads of a dataset. */
export async function isInKeptContent(tx: Transaction, cipher: FieldCipher, subject: string, dataset: string): Promise<boolean> {
  for (const kept of await keptContents(tx)) {
    if (kept.name !== dataset) continue;
    const isIn = await whoIsIn(tx, kept, cipher);
    if (isIn?.(subject) ?? true) return true;
  }
  return false;
}

/** The name of a hold on somebody who may be in one content with the person: what can't be told apart can't be forgotten alone. */
export async function holdOnKeptContent(tx: Transaction, cipher: FieldCipher, subject: string): Promise<string | undefined> {
  const holds = await personsHeld(tx, subject);
  if (holds.length === 0) return undefined;
  for (const kept of await keptContents(tx)) {
    const isIn = await whoIsIn(tx, kept, cipher);
    const hold = isIn?.(subject) ? holdOn(isIn, holds) : undefined;
    if (hold !== undefined) return hold;
  }
  return undefined;
}

/** Those of kept contents that a legal hold keeps: on the dataset that they would go to, or on somebody who may be in them. */
export async function heldContents(tx: Transaction, cipher: FieldCipher, runIds: readonly string[]): Promise<ReadonlySet<string>> {
  const persons = await personsHeld(tx);
  const datasets = new Set((await loadHolds(tx)).filter((hold) => isHeld(hold)).flatMap((hold) => hold.datasets ?? []));
  const held = new Set<string>();
  if (persons.length === 0 && datasets.size === 0) return held;
  for (const kept of await keptContents(tx, runIds)) {
    if (datasets.has(kept.name) || holdOn(await whoIsIn(tx, kept, cipher), persons) !== undefined) held.add(kept.runId);
  }
  return held;
}

/**
 * As `forgetKeptContent`, of persons of whom only the reference is known: no content can be looked for them, so none stays but those that
 * a legal hold keeps.
 */
export async function forgetAllKeptContent(tx: Transaction, cipher: FieldCipher): Promise<number> {
  const all = (await keptContents(tx)).filter(({ dataset }) => !dataset || dataset.subject !== undefined).map(({ runId }) => runId);
  const held = await heldContents(tx, cipher, all);
  const found = all.filter((runId) => !held.has(runId));
  await forgetContents(tx, found);
  return found.length;
}

/** Without what CSV and JSON put around and into a value: quotes, backslashes, spaces, the codes of characters. */
export function mayHold(content: string, subject: string, type: string): boolean {
  return keyIn(content, type)(subject);
}

function keyIn(content: string, type: string): (subject: string) => boolean {
  const text = bare(content);
  if (type === 'integer' || type === 'bigint') {
    return (subject) => {
      const [, digits] = /^-?([0-9]+)$/.exec(subject) ?? [];
      // No value of the field can be somebody who is called otherwise; nor is their name a pattern.
      return digits !== undefined && new RegExp(`(?<![0-9])0*${digits}(?![0-9])`).test(text);
    };
  }
  if (type === 'uuid') {
    const digits = text.replaceAll(/[-{}]/g, '');
    return (subject) => isUuid(subject) && digits.includes(bare(subject).replaceAll('-', ''));
  }
  return (subject) => text.includes(bare(subject));
}

function bare(text: string): string {
  return text
    .replaceAll(/\\u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replaceAll(/\\[bfnrt]/g, '')
    .replaceAll(/["'\\\s]/g, '')
    .toLowerCase();
}

/** The inline content of a load that was given up. */
interface KeptContent {
  readonly runId: string;
  /** The name of its dataset. */
  readonly name: string;
  /** Undefined when it was deleted since. */
  readonly dataset: Dataset | undefined;
}

/** @param runIds all when absent */
async function keptContents(tx: Transaction, runIds?: readonly string[]): Promise<KeptContent[]> {
  const { datasets } = await loadCatalog(tx);
  const rows = await tx.query<Omit<KeptContent, 'dataset'>>(
    `SELECT run_id AS "runId", run.dataset AS name FROM headgate.run_content JOIN headgate.run ON run.id = run_id
     WHERE run.dead_lettered_at IS NOT NULL AND ($1::uuid[] IS NULL OR run_id = ANY ($1)) ORDER BY run_id FOR UPDATE OF run_content`,
    [runIds ?? null],
  );
  return rows.map((row) => ({ ...row, dataset: datasets.get(row.name) }));
}

/**
 * Whether somebody may be in a content, by their key; undefined where nobody can open it any more, so that it can't be loaded either.
 * One is opened at a time: together they may be larger than the memory.
 */
async function whoIsIn(tx: Transaction, { runId, dataset }: KeptContent, cipher: FieldCipher): Promise<((subject: string) => boolean) | undefined> {
  const field = dataset?.fields.find(({ name }) => name === dataset.subject);
  if (dataset && !field) return () => false;
  const [row] = await tx.query<{ content: Buffer }>('SELECT content FROM headgate.run_content WHERE run_id = $1', [runId]);
  if (!row) return () => false;
  const opened = await openedContent(runId, row.content, cipher).catch(() => undefined);
  // Without the dataset nothing says any more what of it is a person's key.
  return opened && keyIn(opened.toString(), field?.type ?? 'text');
}

interface PersonsHeld {
  readonly name: string;
  readonly subjects: readonly string[];
}

/** The holds in force on persons, without what they say of one of them. */
async function personsHeld(tx: Transaction, but?: string): Promise<readonly PersonsHeld[]> {
  const holds = (await loadHolds(tx)).filter((hold) => isHeld(hold));
  return holds.flatMap(({ name, subjects = [] }) => {
    const others = subjects.filter((subject) => subject !== but);
    return others.length > 0 ? [{ name, subjects: others }] : [];
  });
}

function holdOn(isIn: ((subject: string) => boolean) | undefined, holds: readonly PersonsHeld[]): string | undefined {
  return isIn && holds.find(({ subjects }) => subjects.some(isIn))?.name;
}
