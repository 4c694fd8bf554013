import { didYouMean, type Dataset, type DatasetDocument } from '../catalog/index.js';
import type { CompiledPipeline, PipelineFail } from './compile.js';
import { fieldType } from './column-types.js';
import { inheritedFrom } from './field-source.js';
import { publishOf } from './pipeline-spec.js';

/**
 * The contract of what a pipeline makes: columns as PostgreSQL typed them; per column the tags of all fields that it is made of,
 * of those that say which rows there are, and those that the pipeline adds; secret where one of these fields is. A pipeline
 * can't take a tag away unless a step declares that it anonymises.
 */
export function outputContract(compiled: CompiledPipeline, datasets: ReadonlyMap<string, Dataset>, fail: PipelineFail): DatasetDocument {
  const publish = publishOf(compiled.spec);
  const failHere: PipelineFail = (path, message) => fail(['steps', compiled.spec.steps.length - 1, 'publish', ...path], message);
  const { result } = compiled;
  const names = [...result.columns.keys()];
  for (const [path, name] of namedFields(publish)) {
    if (!result.columns.has(name))
      failHere(path, `the step ${result.name} has no column "${name}".${didYouMean(name, names)} Its columns: ${names.join(', ')}.`);
  }
  const sourceDatasets = [...compiled.reads.keys()].flatMap((name) => datasets.get(name) ?? []);
  const secret = publish.visibility === 'secret' || sourceDatasets.some(({ visibility }) => visibility === 'secret');
  const purposes = [...result.personal.purposes].toSorted();
  const subject = purposes.length > 0 ? consentingSubject(compiled, failHere) : (publish.subject ?? subjectOf(compiled, datasets));
  const { to, key, typeName, description, owner } = publish;
  return {
    name: to,
    ...(typeName !== undefined && { typeName }),
    ...(description !== undefined && { description }),
    ...(owner !== undefined && { owner }),
    ...(secret && { visibility: 'secret' as const }),
    ...(key !== undefined && { key: [...key] }),
    ...(subject !== undefined && { subject }),
    ...(purposes.length > 0 && { consent: { purposes } }),
    fields: names.map((name) => {
      const type = fieldType(result.columns.get(name) ?? 'unknown');
      if (!type)
        return failHere(
          [],
          `the column ${name} has the PostgreSQL type ${result.columns.get(name)}, which no field can have. Cast it in a step, as in CAST(${name} AS text)`,
        );
      const sources = [...(result.lineage.get(name) ?? []), ...result.steering].map((source) => inheritedFrom(source, datasets));
      const own = publish.fields?.[name];
      const tags = [...new Set([...sources.flatMap(({ tags: inherited }) => inherited), ...(own?.tags ?? [])])].toSorted();
      const hidden = own?.visibility === 'secret' || sources.some(({ secret: inherited }) => inherited);
      return {
        name,
        type,
        ...(own?.description !== undefined && { description: own.description }),
        ...(tags.length > 0 && { tags }),
        ...(hidden && { visibility: 'secret' as const }),
      };
    }),
  };
}

function namedFields(publish: ReturnType<typeof publishOf>): (readonly [readonly (string | number)[], string])[] {
  return [
    ...(publish.key ?? []).map((name, i) => [['key', i], name] as const),
    ...Object.keys(publish.fields ?? {}).map((name) => [['fields', name], name] as const),
    ...(publish.subject === undefined ? [] : [[['subject'], publish.subject] as const]),
  ];
}

/**
 * The column by which consent is asked for, of rows that are made of what is shown by consent. Where none can be trusted the
 * pipeline is refused: without one, whoever may read the result would see those who never consented.
 */
function consentingSubject({ spec, result }: CompiledPipeline, fail: PipelineFail): string {
  const { purposes, subjects, isMixed } = result.personal;
  const { subject: declared } = publishOf(spec);
  const needs = `what the pipeline reads needs consent for ${[...purposes].toSorted().join(', ')}`;
  const otherwise =
    "If its rows tell of no person any more, declare it on the step that makes them so: anonymises: { subject: true, reason: '...' }, which is in the audit.";
  const [subject] = subjects;
  if (subject === undefined)
    return fail([], `${needs}, and no column of the step ${result.name} is a person's subject as it was read. Select it unchanged. ${otherwise}`);
  if (declared !== undefined && !subjects.has(declared))
    return fail(['subject'], `${needs}, and ${declared} is not the subject of a person as it was read; ${[...subjects].join(', ')} is. ${otherwise}`);
  if (declared === undefined && isMixed)
    return fail(
      [],
      `${needs}, and a row of the step ${result.name} may hold values of several persons, since it is made of more than one reading of such rows, or by a window over them. If each row is about one person alone, say which column names them, such as subject: ${subject}, which is in the audit. ${otherwise}`,
    );
  return declared ?? subject;
}

/**
 * The column that still says which person a row is about: one that is made of a subject and of nothing else, with its
 * type. (A maximum of subjects would pass too; rows that are about somebody rather count as such than not.)
 */
function subjectOf({ result }: CompiledPipeline, datasets: ReadonlyMap<string, Dataset>): string | undefined {
  for (const [name, type] of result.columns) {
    const [source, ...more] = result.lineage.get(name) ?? [];
    const dataset = source && datasets.get(source.dataset);
    const mixed = more.some((other) => other.dataset !== source?.dataset || other.field !== source.field);
    if (!dataset || mixed || dataset.subject !== source.field) continue;
    const field = dataset.fields.find((candidate) => candidate.name === source.field);
    if (field && fieldType(type) === field.type && !field.list) return name;
  }
  return undefined;
}
