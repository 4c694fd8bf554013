import { Readable } from 'node:stream';
import { HeadgateError, isHeadgateError } from '../../../kernel/index.js';
import type { CollectJob } from '../collect-job.js';
import { waitMsOf } from '../collector-shape.js';
import { lagOf, momentOf, momentText } from '../parts/since.js';
import { pagePosition, type PagePosition, type PageWalk } from './page-position.js';
import type { PageSource } from './page-source.js';
import { walkPages, type WalkedPage } from './page-walker.js';

/** Pages that come quickly land together. */
const BATCH_ROWS = 10_000;
const BATCH_BYTES = 8 * 1_024 * 1_024;
const BATCH_WAIT = '2s';

/** A line without a row: what has no rows at all is content too, and no file that was forgotten. */
const NOTHING = Buffer.from('\n');

/**
 * Takes all pages there are. With mode replace they land together, or not at all; else some pages at a time with the place of the
 * next one, at which a run goes on that was killed.
 * @throws HeadgateError as the source's and the load's
 */
export async function collectPages(job: CollectJob, source: PageSource): Promise<void> {
  if (job.collector.mode === 'replace') return replaceByPages(job, source);
  const { since, walk } = pagePosition(await job.position());
  // Places of pages that are asked for in another way lead nowhere.
  if (walk?.of === source.places && (await resumed(job, source, { since, walk }))) return;
  await landPages(job, source, { since }, { since: sinceText(source, since) });
}

async function replaceByPages(job: CollectJob, source: PageSource): Promise<void> {
  const receivedAt = new Date();
  const stream = Readable.from(contentOf(source, job.signal), { objectMode: false });
  await job.land({ source: { stream }, position: {}, receivedAt });
}

async function* contentOf(source: PageSource, signal: AbortSignal): AsyncGenerator<Buffer> {
  let isEmpty = true;
  for await (const { page } of walkPages(source, { since: undefined }, signal)) {
    if (page.count === 0) continue;
    isEmpty = false;
    yield page.rows;
  }
  if (isEmpty) yield NOTHING;
}

/** Goes on with a walk. @returns false when its place is known no more, and the walk may begin anew */
async function resumed(job: CollectJob, source: PageSource, { since, walk }: Required<Pick<PagePosition, 'walk'>> & PagePosition): Promise<boolean> {
  const before = await job.position();
  try {
    await landPages(job, source, { since }, walk as PageWalk);
    return true;
  } catch (error) {
    const status = isHeadgateError(error) ? error.details['status'] : undefined;
    const isGone = typeof status === 'number' && [400, 404, 410, 416, 422].includes(status);
    if (!isGone || before !== (await job.position())) throw error;
    if (job.dataset.key.length > 0) return false;
    const message = `The source ${job.source.name} knows the page no more at which the last run was stopped, and "${job.dataset.name}" has no key by which the rows before it are known. Empty it, and reset the collector.`;
    throw new HeadgateError('CONFLICT', message, { source: job.source.name, collector: job.collector.name });
  }
}

async function landPages(
  job: CollectJob,
  source: PageSource,
  { since }: Pick<PagePosition, 'since'>,
  start: PageWalk | { since: string | undefined },
): Promise<void> {
  const { rows: mostRows = BATCH_ROWS, bytes: mostBytes = BATCH_BYTES, wait = BATCH_WAIT } = job.collector.batch ?? {};
  let held: WalkedPage[] = [];
  let began = performance.now();
  for await (const walked of walkPages(source, start, job.signal)) {
    held.push(walked);
    const rows = held.reduce((sum, { page }) => sum + page.count, 0);
    const bytes = held.reduce((sum, { page }) => sum + page.rows.length, 0);
    if (walked.walk && rows < mostRows && bytes < mostBytes && performance.now() - began < waitMsOf(wait)) continue;
    await landTogether(job, source, held, since);
    held = [];
    began = performance.now();
  }
}

async function landTogether(job: CollectJob, source: PageSource, held: readonly WalkedPage[], since: string | undefined): Promise<void> {
  const [first] = held;
  const last = held.at(-1);
  if (!first || !last) return;
  const rows = held.map(({ page }) => page.rows);
  const position: PagePosition = last.walk ? { ...(since !== undefined && { since }), walk: last.walk } : finished(source, since, last.newest);
  const batch = {
    source: { content: rows.every(({ length }) => length === 0) ? NOTHING : Buffer.concat(rows) },
    position,
    positionOf: (line: number) => placeOf(held, line),
    receivedAt: first.askedAt,
  };
  await job.land(batch).catch((error: unknown) => {
    throw onPage(error, held);
  });
}

/** What refuses a page says which: the lines of a batch are nothing that the source has. */
function onPage(error: unknown, held: readonly WalkedPage[]): unknown {
  const line = isHeadgateError(error) && error.code === 'DATA_REJECTED' ? error.details['line'] : undefined;
  const place = typeof line === 'number' ? placeOf(held, line) : undefined;
  if (!isHeadgateError(error) || place === undefined) return error;
  return new HeadgateError('DATA_REJECTED', `At ${place}: ${error.message}`, { ...error.details, position: place }, { cause: error });
}

/** All pages are there: from now on what is new is asked for. */
function finished({ since: asked }: PageSource, since: string | undefined, newest: number | undefined): PagePosition {
  if (!asked) return {};
  const before = since === undefined ? undefined : momentOf(since, asked.format);
  const reached = Math.max(before ?? -Infinity, newest ?? -Infinity);
  return Number.isFinite(reached) ? { since: momentText(reached, asked.format) } : {};
}

/** From when on rows are asked for: the lag before the latest that is there. */
function sinceText({ since }: PageSource, reached: string | undefined): string | undefined {
  if (!since) return undefined;
  const moment = reached === undefined ? undefined : momentOf(reached, since.format);
  return moment === undefined ? since.start : momentText(moment - lagOf(since), since.format);
}

function placeOf(held: readonly WalkedPage[], line: number): string | undefined {
  let before = 0;
  for (const { page, number } of held) {
    if (line <= before + page.count) return `page ${number}, row ${line - before}`;
    before += page.count;
  }
  return undefined;
}
