import { columnType, SCALAR_TYPES, type ScalarType } from '../catalog/index.js';
import { compileExpression, identifier, render } from '../sql/index.js';
import type { AggregateSpec, TransformSpec } from './pipeline-spec.js';

/** Names of columns with their PostgreSQL types, in order. */
export type Columns = ReadonlyMap<string, string>;

/** What a transform reads: a dataset or a step, and which of its columns are tagged or secret. */
export interface TransformInput {
  readonly from: string;
  readonly columns: Columns;
  readonly closed: ReadonlySet<string>;
}

/** Says where in the step something is wrong. */
export type StepFail = (path: readonly (string | number)[], message: string) => never;

/**
 * The SELECT that a transform stands for. Its expressions see the columns that come in; `filter` sees those of `derive`
 * as well; then come cast, rename, select, deduplicate, sort, limit, in this order. Each expression was checked on its
 * own before it became a part of the text, and the text is checked as a whole again when it is compiled.
 *
 * Rows that `sort` does not tell apart are put in order by the columns after it, so that a run gives the same rows each
 * time: by those that are neither tagged nor secret, or every column would inherit the tags of all.
 */
export function transformText(spec: TransformSpec, { from, columns, closed }: TransformInput, fail: StepFail): string {
  const derived = Object.entries(spec.derive ?? {});
  const closedNow = new Set(closed);
  for (const [name, text] of derived) {
    const named = checkExpression(text, columns, (message) => fail(['derive', name], message));
    if (named.some((column) => closed.has(column))) closedNow.add(name);
    else closedNow.delete(name);
  }
  const widened = new Map([...columns, ...derived.map(([name]) => [name, columns.get(name) ?? 'unknown'] as const)]);
  if (spec.filter !== undefined) checkExpression(spec.filter, widened, (message) => fail(['filter'], message));

  const inner = [...widened.keys()].map((name) => {
    const expression = spec.derive?.[name];
    return expression === undefined ? quoted(name) : `${enclosed(expression)} AS ${quoted(name)}`;
  });
  const rename = spec.rename ?? {};
  for (const name of [...Object.keys(spec.cast ?? {}), ...Object.keys(rename)]) {
    if (!widened.has(name)) fail([spec.cast?.[name] === undefined ? 'rename' : 'cast', name], unknownColumn(name, widened.keys()));
  }
  const outer = [...widened.keys()].map((name) => {
    const type = spec.cast?.[name];
    return { name: rename[name] ?? name, closed: closedNow.has(name), sql: type === undefined ? quoted(name) : `CAST(${quoted(name)} AS ${typeText(type)})` };
  });
  const selected = spec.select
    ? spec.select.map(
        (name, i) =>
          outer.find((column) => column.name === name) ??
          fail(
            ['select', i],
            unknownColumn(
              name,
              outer.map((column) => column.name),
            ),
          ),
      )
    : outer;
  const names = selected.map(({ name }) => name);
  const list = selected.map(({ name, sql }) => `${sql} AS ${quoted(name)}`).join(', ');
  const where = spec.filter === undefined ? '' : ` WHERE ${enclosed(spec.filter)}`;
  const text = `SELECT ${list} FROM (SELECT ${inner.join(', ')} FROM ${quoted(from)}) AS d${where}`;
  const open = selected.filter((column) => !column.closed).map(({ name }) => name);
  const columnsOut = { names, ties: open.length > 0 ? open : names };
  return ordered(deduplicated(text, spec, columnsOut, fail), spec, columnsOut, fail);
}

/** The SELECT that an aggregate stands for. */
export function aggregateText({ groupBy = [], measures, having }: AggregateSpec, from: string, columns: Columns, fail: StepFail): string {
  groupBy.forEach((name, i) => columns.has(name) || fail(['groupBy', i], unknownColumn(name, columns.keys())));
  for (const name of Object.keys(measures)) {
    if (groupBy.includes(name)) fail(['measures', name], `${name} is in groupBy already; give the measure another name`);
  }
  const list = [...groupBy.map(quoted), ...Object.entries(measures).map(([name, text]) => `${enclosed(text)} AS ${quoted(name)}`)];
  const group = groupBy.length > 0 ? ` GROUP BY ${groupBy.map(quoted).join(', ')}` : '';
  return `SELECT ${list.join(', ')} FROM ${quoted(from)}${group}${having === undefined ? '' : ` HAVING ${enclosed(having)}`}`;
}

/** The columns that an aggregate must have; a measure whose text closes its parenthesis would give others. */
export function aggregateNames({ groupBy = [], measures }: AggregateSpec): string[] {
  return [...groupBy, ...Object.keys(measures)];
}

interface ColumnsOut {
  readonly names: readonly string[];
  readonly ties: readonly string[];
}

function deduplicated(text: string, { deduplicate, sort = [] }: TransformSpec, { names, ties }: ColumnsOut, fail: StepFail): string {
  if (deduplicate === undefined) return text;
  if (deduplicate === true) return `SELECT DISTINCT * FROM (${text}) AS d`;
  deduplicate.forEach((name, i) => names.includes(name) || fail(['deduplicate', i], unknownColumn(name, names)));
  const on = deduplicate.map(quoted).join(', ');
  // Which row is kept is said by sort.
  const order = [...deduplicate.map(quoted), ...sort.map((item, i) => sortText(item, i, names, fail)), ...ties.map(quoted)];
  return `SELECT DISTINCT ON (${on}) * FROM (${text}) AS d ORDER BY ${order.join(', ')}`;
}

function ordered(text: string, { sort, limit }: TransformSpec, { names, ties }: ColumnsOut, fail: StepFail): string {
  if (sort === undefined && limit === undefined) return text;
  const order = [...(sort ?? []).map((item, i) => sortText(item, i, names, fail)), ...ties.map(quoted)];
  return `SELECT * FROM (${text}) AS d ORDER BY ${order.join(', ')}${limit === undefined ? '' : ` LIMIT ${limit}`}`;
}

function sortText(item: string, i: number, names: readonly string[], fail: StepFail): string {
  const [name = '', direction] = item.split(' ');
  if (!names.includes(name)) fail(['sort', i], unknownColumn(name, names));
  return `${quoted(name)}${direction === 'desc' ? ' DESC NULLS LAST' : ''}`;
}

/** The columns that it names. */
function checkExpression(text: string, columns: Columns, fail: (message: string) => never): readonly string[] {
  try {
    return compileExpression(text, { columns }).columns;
  } catch (error) {
    return fail((error as Error).message);
  }
}

/** On a line of its own, so that a comment at its end does not swallow what follows. */
function enclosed(expression: string): string {
  return `(\n${expression}\n)`;
}

function quoted(name: string): string {
  return render(identifier(name)).text;
}

function typeText(type: string): string {
  const list = type.endsWith('[]');
  const scalar = (list ? type.slice(0, -2) : type) as ScalarType;
  if (!SCALAR_TYPES.includes(scalar)) throw new TypeError(`${type} is no type of a contract.`);
  return columnType({ type: scalar, list });
}

function unknownColumn(name: string, known: Iterable<string>): string {
  return `there is no column "${name}" here; these are: ${[...known].join(', ')}`;
}
