import { remoteTableOf } from '../catalog/index.js';
import { HeadgateError, isHeadgateError } from '../kernel/index.js';
import type { PostgresSource, Sources } from '../sources/index.js';
import { bind, type Keys, type ReadRequest } from './binding.js';
import type { CompiledRead, Elsewhere } from './compiled-read.js';
import { checkCursors } from './cursor-check.js';
import { dialectOf } from './dialect.js';
import { preparedName, SentRows, type Executed, type Executor } from './executor.js';
import type { Place } from './source.js';
import { checkPatterns } from './store-executor.js';
import { RemoteShape } from './table.js';

/** A statement is made for what is known of the source; when that turns out to be old, once more for what is there now. */
const ATTEMPTS = 2;

type Known = readonly unknown[];

/**
 * Runs reads at sources that are another PostgreSQL. Each statement tells, beside its answer, what the columns that it
 * relies on are at that moment: so an answer that was made from other columns than the ones it was written for is seen, and
 * never given.
 */
export class SourceExecutor implements Executor {
  readonly #sources: Pick<Sources, 'of'>;
  /** The last statement of each part, and what it was made of. */
  readonly #compiled = new WeakMap<Elsewhere, { readonly known: Known; readonly statement: CompiledRead }>();

  constructor(sources: Pick<Sources, 'of'>) {
    this.#sources = sources;
  }

  /** @throws HeadgateError UNAVAILABLE, TIMEOUT, CONTRACT_VIOLATION, BAD_USER_INPUT; each with `source` */
  async run({ elsewhere }: CompiledRead, request: ReadRequest, keys?: Keys): Promise<Executed> {
    if (!elsewhere) throw new Error('a read of the store came to a source');
    const source = this.#sources.of(elsewhere.source);
    return source.bounded(() => this.#run(source, elsewhere, request, keys));
  }

  async #run(source: PostgresSource, elsewhere: Elsewhere, request: ReadRequest, keys: Keys | undefined): Promise<Executed> {
    for (let attempt = 1; ; attempt++) {
      const known = await this.#know(source, elsewhere);
      try {
        const statement = this.#statement(elsewhere, known);
        const rows = await this.#rows(source, statement, request, keys);
        if (isAsExpected(statement, rows)) return { statement, rows: new SentRows(rows) };
        source.forget();
        if (attempt === ATTEMPTS)
          throw new HeadgateError('UNAVAILABLE', `Tables of the source ${source.name} are being changed. Try again.`, { source: source.name });
      } catch (error) {
        if (attempt === ATTEMPTS || !(await this.#isOutdated(source, elsewhere, known, error))) throw error;
      }
    }
  }

  async #rows(source: PostgresSource, statement: CompiledRead, request: ReadRequest, keys: Keys | undefined): Promise<(string | null)[][]> {
    checkCursors(statement, request.values);
    if (request.patterns.length > 0) {
      const { words } = dialectOf(await source.facts());
      await source.query({ text: checkPatterns(words['folded'] ?? ''), values: [request.patterns] });
    }
    const values = bind(statement.parameters, request, keys);
    return source.query({ ...preparedName(statement), text: statement.text, asKept: true, values }, statement);
  }

  /** The server's facts, and of each dataset's table the columns. The same objects until they are looked at again. */
  async #know(source: PostgresSource, { datasets }: Elsewhere): Promise<Known> {
    const tables = datasets.flatMap((dataset) => remoteTableOf(dataset)?.table ?? []);
    return Promise.all([source.facts(), ...tables.map((table) => source.columns(table))]);
  }

  #statement(elsewhere: Elsewhere, known: Known): CompiledRead {
    const found = this.#compiled.get(elsewhere);
    if (found && found.known.every((item, i) => item === known[i])) return found.statement;
    const [facts, ...columns] = known as [Awaited<ReturnType<PostgresSource['facts']>>, ...Awaited<ReturnType<PostgresSource['columns']>>[]];
    const shapes = elsewhere.datasets.map((dataset, i) => [dataset.name, new RemoteShape(dataset, columns[i])] as const);
    const place: Place = { dialect: dialectOf(facts), shapes: new Map(shapes) };
    const statement = elsewhere.compile(place);
    this.#compiled.set(elsewhere, { known, statement });
    return statement;
  }

  /** Whether the failure may be of what was known before; then it is known anew. */
  async #isOutdated(source: PostgresSource, elsewhere: Elsewhere, before: Known, error: unknown): Promise<boolean> {
    // Found while the statement was made, from what may have been old.
    if (isHeadgateError(error) && error.code === 'CONTRACT_VIOLATION') source.forget();
    return JSON.stringify(await this.#know(source, elsewhere)) !== JSON.stringify(before);
  }
}

function isAsExpected({ tokens }: CompiledRead, rows: readonly (readonly (string | null)[])[]): boolean {
  const [row = []] = rows;
  return tokens.every((token, i) => row[row.length - tokens.length + i] === token);
}
