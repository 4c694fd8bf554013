import DataLoader from 'dataloader';
import { isHeadgateError, type HeadgateError } from '../kernel/index.js';
import type { Keys } from './binding.js';
import type { CompiledRead, Crossing } from './compiled-read.js';
import { checkBytes } from './answer-bytes.js';
import { takeApart } from './crossing.js';
import type { Executed, Rows } from './executor.js';

/** Keys that one statement takes: enough for any page, and far from what a statement can carry. */
const LARGEST_BATCH = 1_000;

/** JSON, and how many rows of each dataset it holds. */
export interface Counted {
  readonly json: string | null;
  readonly rows: ReadonlyMap<string, number>;
}

/** A relation whose rows could not be had: the answer holds null in its place. */
export interface ReadFailure {
  readonly error: HeadgateError;
  readonly path: readonly string[];
  /** The datasets behind it. */
  readonly datasets: ReadonlySet<string>;
}

type Run = (read: CompiledRead, keys: Keys) => Promise<Executed<Rows>>;

/**
 * Fetches what answers lack of other places, and puts it in: for each relation one statement, whatever the number of rows
 * that wait for it, and then for the relations in what came, and so on. A place that fails leaves null and one failure.
 */
export class CrossingReads {
  readonly failures: ReadFailure[] = [];
  readonly #run: Run;

  constructor(run: Run) {
    this.#run = run;
  }

  async complete(answers: readonly Counted[], crossings: readonly Crossing[]): Promise<readonly Counted[]> {
    if (crossings.length === 0) return answers;
    const apart = answers.map(({ json }) => takeApart(json ?? 'null'));
    const placeholders = apart.flatMap((answer) => answer.placeholders);
    const found = await Promise.all(
      crossings.map((crossing) => this.#found(crossing, [...new Set(placeholders.filter(({ index }) => index === crossing.index).map(({ keys }) => keys))])),
    );
    return answers.map((answer, i) => {
      const rows = new Map(answer.rows);
      let json = apart[i]?.pieces[0] ?? '';
      apart[i]?.placeholders.forEach(({ index, keys }, at) => {
        const there = found[index];
        if (!there) throw new Error('a placeholder for no relation of the answer');
        const related = there.get(keys);
        addTo(rows, related?.rows);
        // Strung together and not joined: an answer is large, and a join copies it.
        json += (related?.json ?? 'null') + (apart[i]?.pieces[at + 1] ?? '');
      });
      return { json: answer.json === null ? null : json, rows };
    });
  }

  /** By the text of the keys. Empty when they could not be had. */
  async #found(crossing: Crossing, keys: readonly string[]): Promise<ReadonlyMap<string, Counted>> {
    const loader = new DataLoader<string, Counted>((batch) => this.#load(crossing, batch), { maxBatchSize: LARGEST_BATCH });
    try {
      const answers = await Promise.all(keys.map((key) => loader.load(key)));
      const complete = await this.complete(answers, crossing.read.crossings);
      return new Map(keys.map((key, i) => [key, complete[i] ?? { json: null, rows: new Map() }]));
    } catch (error) {
      if (!isHeadgateError(error)) throw error;
      this.failures.push({ error, path: crossing.path, datasets: datasetsOf(crossing) });
      return new Map();
    }
  }

  async #load({ read }: Crossing, batch: readonly string[]): Promise<Counted[]> {
    const keys = batch.map((text) => JSON.parse(text) as (string | null)[]);
    const { statement, rows } = await this.#run(read, keys);
    const answers = batch.map((): Counted => ({ json: null, rows: new Map() }));
    for (const [number, json = null, ...counts] of rows) {
      checkBytes(statement, counts);
      answers[Number(number) - 1] = { json, rows: addUp(statement.counted, counts) };
    }
    return answers;
  }
}

/** Its own, and those behind them. */
export function datasetsOf({ datasets, read }: Crossing): ReadonlySet<string> {
  return new Set([...datasets, ...read.crossings.flatMap((inner) => [...datasetsOf(inner)])]);
}

/** The columns behind an answer count rows; those behind them say other things. */
export function addUp(datasets: readonly string[], counts: readonly (string | null)[]): ReadonlyMap<string, number> {
  const rows = new Map<string, number>();
  datasets.forEach((dataset, i) => rows.set(dataset, (rows.get(dataset) ?? 0) + Number(counts[i] ?? 0)));
  return rows;
}

function addTo(sum: Map<string, number>, rows: ReadonlyMap<string, number> = new Map()): void {
  for (const [dataset, count] of rows) sum.set(dataset, (sum.get(dataset) ?? 0) + count);
}
