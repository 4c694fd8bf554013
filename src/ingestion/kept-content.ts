import { loadCatalog, type Dataset } from '../catalog/index.js';
import { isUuid } from '../kernel/index.js';
import { forgetContents } from '../lifecycle/index.js';
import type { Transaction } from '../store/index.js';
import type { FieldCipher } from '../vault/index.js';
import { openedContent } from './queued-content.js';

/**
 * Forgets the inline contents of given up loads in which a person may be, within `tx`: their rows are in no table yet, and which of them
 * are whose is not known before they are loaded. So a content goes as a whole when the person's key stands in it in any of the
 * ways in which it can be written, and its sender sends the others again.
 * @returns how many were forgotten
 */
export async function forgetKeptContent(tx: Transaction, cipher: FieldCipher, subject: string): Promise<number> {
  const found: string[] = [];
  for (const kept of await keptContents(tx)) if (await mayBeIn(tx, kept, cipher, subject)) found.push(kept.runId);
  await forgetContents(tx, found);
  return found.length;
}

/** Whether a person may be in what `forgetKeptContent` would forget of the loads of a dataset. */
export async function isInKeptContent(tx: Transaction, cipher: FieldCipher, subject: string, dataset: string): Promise<boolean> {
  for (const kept of await keptContents(tx)) if (kept.name === dataset && (await mayBeIn(tx, kept, cipher, subject))) return true;
  return false;
}

/** As `forgetKeptContent`, of persons of whom only the reference is known: no content can be looked for them, so none stays. */
export async function forgetAllKeptContent(tx: Transaction): Promise<number> {
  const found = (await keptContents(tx)).filter(({ dataset }) => !dataset || dataset.subject !== undefined).map(({ runId }) => runId);
  await forgetContents(tx, found);
  return found.length;
}

/** Without what CSV and JSON put around and into a value: quotes, backslashes, spaces, the codes of characters. */
export function mayHold(content: string, subject: string, type: string): boolean {
  const text = bare(content);
  if (type === 'integer' || type === 'bigint') {
    const [, digits] = /^-?([0-9]+)$/.exec(subject) ?? [];
    // No value of the field can be somebody who is called otherwise; nor is their name a pattern.
    return digits !== undefined && new RegExp(`(?<![0-9])0*${digits}(?![0-9])`).test(text);
  }
  if (type === 'uuid') return isUuid(subject) && text.replaceAll(/[-{}]/g, '').includes(bare(subject).replaceAll('-', ''));
  return text.includes(bare(subject));
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

async function keptContents(tx: Transaction): Promise<KeptContent[]> {
  const { datasets } = await loadCatalog(tx);
  const rows = await tx.query<Omit<KeptContent, 'dataset'>>(
    `SELECT run_id AS "runId", run.dataset AS name FROM headgate.run_content JOIN headgate.run ON run.id = run_id
     WHERE run.dead_lettered_at IS NOT NULL ORDER BY run_id FOR UPDATE OF run_content`,
  );
  return rows.map((row) => ({ ...row, dataset: datasets.get(row.name) }));
}

/** One is looked at at a time: together they may be larger than the memory. */
async function mayBeIn(tx: Transaction, { runId, dataset }: KeptContent, cipher: FieldCipher, subject: string): Promise<boolean> {
  const field = dataset?.fields.find(({ name }) => name === dataset.subject);
  if (dataset && !field) return false;
  const [row] = await tx.query<{ content: Buffer }>('SELECT content FROM headgate.run_content WHERE run_id = $1', [runId]);
  if (!row) return false;
  const { content } = row;
  // Nothing says any more what of it is a person's key.
  if (!dataset || !field) return mayHold(content.toString(), subject, 'text');
  // What nobody can open any more can't be loaded either.
  const opened = await openedContent(dataset, runId, content, cipher).catch(() => undefined);
  return !opened || mayHold(opened.toString(), subject, field.type);
}
