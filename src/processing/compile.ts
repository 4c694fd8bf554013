import { columnType, type Dataset } from '../catalog/index.js';
import { isHeadgateError } from '../kernel/index.js';
import { compileSelect, identifier, join, render, sql, type Select, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { columnTypes } from './column-types.js';
import { distinctSources, inheritedFrom, withoutTags, type FieldSource } from './field-source.js';
import type { PipelineSpec, StepSpec } from './pipeline-spec.js';
import { OF_NOBODY, personalOf, type Personal } from './personal.js';
import { aggregateNames, aggregateText, transformText, type Columns } from './step-text.js';

export interface CompiledStep {
  readonly name: string;
  readonly kind: 'transform' | 'aggregate' | 'sql';
  /** The SELECT of this step alone, over datasets and the steps before it. */
  readonly sql: Sql;
  readonly columns: Columns;
  /** Per column the fields that it is made of, through all steps before. */
  readonly lineage: ReadonlyMap<string, readonly FieldSource[]>;
  /** The fields that say which rows there are, how many, and in which order, through all steps before. */
  readonly steering: readonly FieldSource[];
  /** Whose consent its rows need. */
  readonly personal: Personal;
  /** The datasets that it reads itself. */
  readonly reads: readonly string[];
}

export interface CompiledPipeline {
  readonly spec: PipelineSpec;
  readonly steps: readonly CompiledStep[];
  /** What is published. */
  readonly result: CompiledStep;
  /** The datasets that are read, and the fields of each that are named anywhere. */
  readonly reads: ReadonlyMap<string, ReadonlySet<string>>;
  /** All steps up to `result` as one statement, so that PostgreSQL plans them together. */
  readonly statement: string;
}

/** Says where in the document something is wrong. */
export type PipelineFail = (path: readonly (string | number)[], message: string) => never;

/**
 * Turns a pipeline into one SELECT: every step a common table, parsed, checked and deparsed, its columns typed by
 * PostgreSQL before the next step is looked at. `datasets` are those that may be read.
 */
export async function compilePipeline(
  tx: Transaction,
  spec: PipelineSpec,
  datasets: ReadonlyMap<string, Dataset>,
  fail: PipelineFail,
): Promise<CompiledPipeline> {
  const steps: CompiledStep[] = [];
  const reads = new Map<string, Set<string>>();
  for (const [i, step] of spec.steps.entries()) {
    if (step.publish) break;
    const failHere: PipelineFail = (path, message) => fail(['steps', i, ...path], message.startsWith('step ') ? message : `step ${step.name}: ${message}`);
    if (step.name === undefined) return failHere(['name'], 'the step has no name');
    if (datasets.has(step.name)) failHere(['name'], `"${step.name}" is the name of a dataset; call the step otherwise, so that it is clear what is read`);
    const compiled = await compileStep(tx, { ...step, name: step.name }, steps, datasets, failHere);
    for (const [relation, columns] of compiled.select.reads) {
      if (datasets.has(relation)) reads.set(relation, new Set([...(reads.get(relation) ?? []), ...columns]));
    }
    steps.push(compiled.step);
  }
  const last = spec.steps.length - 1;
  const from = spec.steps[last]?.publish?.from;
  const result = from === undefined ? steps.at(-1) : steps.find(({ name }) => name === from);
  if (!result) return fail(['steps', last, 'publish', 'from'], `there is no step "${from}"; these are: ${steps.map(({ name }) => name).join(', ')}`);
  return { spec, steps, result, reads, statement: statementOf(steps, result) };
}

/** The steps up to `result`, as one statement. */
export function statementOf(steps: readonly CompiledStep[], result: CompiledStep): string {
  const used = steps.slice(0, steps.indexOf(result) + 1);
  const tables = used.map((step) => sql`${identifier(step.name)} AS (${step.sql})`);
  return render(sql`WITH ${join(tables, ',\n')}\nSELECT ${join([...result.columns.keys()].map((name) => identifier(name)))} FROM ${identifier(result.name)}`)
    .text;
}

async function compileStep(
  tx: Transaction,
  step: StepSpec & { readonly name: string },
  before: readonly CompiledStep[],
  datasets: ReadonlyMap<string, Dataset>,
  fail: PipelineFail,
): Promise<{ readonly step: CompiledStep; readonly select: Select }> {
  const kind = step.transform ? 'transform' : step.aggregate ? 'aggregate' : 'sql';
  const relations = new Map<string, Columns>([
    ...[...datasets.values()].map((dataset) => [dataset.name, new Map(dataset.fields.map((field) => [field.name, columnType(field)]))] as const),
    ...before.map(({ name, columns }) => [name, columns] as const),
  ]);
  const text = textOf(step, before, relations, datasets, fail);
  let select: Select;
  try {
    select = compileSelect(text, { relations });
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    return fail([kind], `${error.message} Relations here: ${[...before.map(({ name }) => name), ...datasets.keys()].slice(0, 30).join(', ')}.`);
  }
  for (const relation of select.reads.keys()) {
    const live = before.some(({ name }) => name === relation) ? undefined : datasets.get(relation)?.source;
    if (live) fail([kind], `${relation} stays at the source ${live.source}, and a pipeline reads what is stored here; load it into a dataset of its own first`);
  }
  for (const [relation, columns] of select.reads) {
    const fields = before.some(({ name }) => name === relation) ? [] : (datasets.get(relation)?.fields ?? []);
    const encrypted = fields.find((field) => field.encrypted && new Set(columns).has(field.name));
    if (encrypted) fail([kind], `${relation}.${encrypted.name} is encrypted, and no pipeline can read it; name the other columns, without *`);
  }
  const wanted = step.aggregate && aggregateNames(step.aggregate);
  const names = select.outputs.map(({ name }) => name);
  if (wanted && wanted.join('\n') !== names.join('\n')) fail([kind, 'measures'], 'each measure must be one expression');

  const own = select.toSql((relation) => (before.some(({ name }) => name === relation) ? identifier(relation) : identifier('data', relation)));
  const draft: CompiledStep = {
    name: step.name,
    kind,
    sql: own,
    columns: new Map(names.map((name) => [name, 'unknown'])),
    lineage: new Map(),
    steering: [],
    personal: OF_NOBODY,
    reads: [],
  };
  const columns = await columnTypes(tx, statementOf([...before, draft], draft)).catch((error: unknown) => {
    // PostgreSQL's own words: at this time they are about the pipeline's text and its types, not about any row.
    return fail([kind], `PostgreSQL refuses it: ${(error as Error).message}.`);
  });
  const steps = new Map(before.map((compiled) => [compiled.name, compiled]));
  const carried = (sources: readonly FieldSource[]): FieldSource[] =>
    distinctSources(step.anonymises?.tags ? withoutTags(sources, step.anonymises.tags) : sources);
  const lineage = new Map(select.outputs.map(({ name, sources }) => [name, carried(sourcesOf(sources, select, steps, datasets))] as const));
  const steering = carried([...sourcesOf(select.steering, select, steps, datasets), ...rowsOf(select, steps, datasets)]);
  const personal = step.anonymises?.subject ? OF_NOBODY : personalOf(select, steps, datasets);
  return {
    select,
    step: { ...draft, columns, lineage, steering, personal, reads: [...select.reads.keys()].filter((relation) => datasets.has(relation)).toSorted() },
  };
}

function textOf(
  step: StepSpec,
  before: readonly CompiledStep[],
  relations: ReadonlyMap<string, Columns>,
  datasets: ReadonlyMap<string, Dataset>,
  fail: PipelineFail,
): string {
  if (step.sql !== undefined) return step.sql;
  const kind = step.transform ? 'transform' : 'aggregate';
  const from = (step.transform ?? step.aggregate)?.from ?? before.at(-1)?.name ?? '';
  const columns =
    relations.get(from) ?? fail([kind, 'from'], `there is no dataset or earlier step "${from}"; these are: ${[...relations.keys()].slice(0, 30).join(', ')}`);
  const failIn: PipelineFail = (path, message) => fail([kind, ...path], message);
  if (step.transform) {
    const lineage = before.find(({ name }) => name === from)?.lineage;
    const closed = [...columns.keys()].filter((column) =>
      (lineage?.get(column) ?? [{ dataset: from, field: column }]).some((source) => {
        const { tags, secret } = inheritedFrom(source, datasets);
        return secret || tags.length > 0;
      }),
    );
    return transformText(step.transform, { from, columns, closed: new Set(closed) }, failIn);
  }
  if (step.aggregate) return aggregateText(step.aggregate, from, columns, failIn);
  return fail([], 'a step is one of transform, aggregate, sql, publish');
}

/** The fields of datasets behind a column; when that can't be told, all fields of all that is read. */
function sourcesOf(
  sources: Select['steering'],
  select: Select,
  steps: ReadonlyMap<string, CompiledStep>,
  datasets: ReadonlyMap<string, Dataset>,
): FieldSource[] {
  const named = sources === 'all' ? [...select.reads.keys()].flatMap((relation) => allColumns(relation, steps, datasets)) : sources;
  return named.flatMap(({ relation, column }): readonly FieldSource[] => steps.get(relation)?.lineage.get(column) ?? [{ dataset: relation, field: column }]);
}

/** What says which rows there are in the steps that are read, and in the datasets that pipelines make. */
function rowsOf({ reads }: Select, steps: ReadonlyMap<string, CompiledStep>, datasets: ReadonlyMap<string, Dataset>): FieldSource[] {
  return [...reads.keys()].flatMap((relation): readonly FieldSource[] => {
    const step = steps.get(relation);
    if (step) return step.steering;
    return datasets.get(relation)?.producedBy === undefined ? [] : [{ dataset: relation, field: undefined }];
  });
}

function allColumns(
  relation: string,
  steps: ReadonlyMap<string, CompiledStep>,
  datasets: ReadonlyMap<string, Dataset>,
): { relation: string; column: string }[] {
  const columns = steps.get(relation)?.columns.keys() ?? datasets.get(relation)?.fields.map(({ name }) => name) ?? [];
  return [...columns].map((column) => ({ relation, column }));
}
