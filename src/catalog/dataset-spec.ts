import { camelCase, pascalCase } from '../kernel/index.js';
import { checkMeaning, splitType, typeNameOf } from './dataset-meaning.js';
import { DatasetShape } from './dataset-shape.js';
import { durationText, parseDuration } from './duration.js';
import type { FieldRuleShape, FieldShape } from './field-spec.js';
import type { Dataset, DatasetRule, Field, FieldRule, Relation, RemoteTable } from './model.js';
import { parseTableName, tableNameText } from './table-name.js';

/**
 * A `Dataset` document. Its output is a document again, in one form for one meaning: defaults are left out, sets are
 * sorted, durations have their largest unit. It is what a contract is stored as.
 */
export const DatasetSpec = DatasetShape.superRefine((dataset, issues) =>
  checkMeaning(dataset, (path, message) => issues.addIssue({ code: 'custom', path: [...path], message })),
).transform(normalise);

export interface DatasetSpec extends Omit<DatasetShape, 'retention'> {}

function normalise(shape: DatasetShape): DatasetSpec {
  const { maxQuarantine, quarantine, freshness, cache } = shape;
  return compact({
    name: shape.name,
    typeName: shape.typeName === pascalCase(shape.name) ? undefined : shape.typeName,
    description: shape.description,
    owner: shape.owner,
    visibility: shape.visibility === 'secret' ? ('secret' as const) : undefined,
    source: shape.source,
    table: shape.table === undefined ? undefined : tableNameText(shape.table),
    shareable: shape.shareable === true ? true : undefined,
    fields: shape.fields.map((field) => normaliseField(field, shape.key ?? [])),
    key: shape.key,
    subject: shape.subject,
    onErase: shape.onErase === 'nullify' ? ('nullify' as const) : undefined,
    consent: shape.consent && { purposes: [...new Set(shape.consent.purposes)].toSorted() },
    relations: some(shape.relations?.map((relation) => compact({ ...relation, on: sortKeys(relation.on), many: relation.many === true ? true : undefined }))),
    indexes: some(distinct(shape.indexes ?? [])),
    rules: some(shape.rules?.map((rule) => compact({ ...rule, rowCount: rule.rowCount && compact(rule.rowCount), severity: warning(rule.severity) }))),
    maxQuarantine: typeof maxQuarantine === 'string' ? `${Number.parseFloat(maxQuarantine)}%` : maxQuarantine,
    drift: shape.drift === 'freeze' ? undefined : shape.drift,
    quarantine: quarantine && { keep: durationText(parseDuration(quarantine.keep) ?? 0) },
    freshness: freshness && { field: freshness.field, within: durationText(parseDuration(freshness.within) ?? 0) },
    cache: cache && { ttl: durationText(parseDuration(cache.ttl) ?? 0) },
  });
}

function normaliseField(field: FieldShape, key: readonly string[]): FieldShape {
  return compact({
    name: field.name,
    type: field.type,
    required: field.required === true || key.includes(field.name) ? true : undefined,
    description: field.description,
    deprecated: field.deprecated,
    tags: some([...new Set(field.tags)].toSorted()),
    visibility: field.visibility === 'secret' ? ('secret' as const) : undefined,
    shareable: field.shareable === true ? true : undefined,
    format: field.format,
    column: field.column === field.name ? undefined : field.column,
    encrypted: field.encrypted === true ? true : undefined,
    aliases: some([...new Set(field.aliases)].filter((alias) => alias !== field.name).toSorted()),
    default: field.default,
    rules: some(field.rules?.map((rule) => compact({ ...rule, severity: warning(rule.severity) }))),
  });
}

/** The dataset that a contract describes. */
export function toDataset(spec: DatasetSpec, facts: { readonly id: string; readonly contractVersion: number; readonly producedBy?: string | null }): Dataset {
  return compact({
    id: facts.id,
    name: spec.name,
    graphqlName: camelCase(spec.name),
    typeName: typeNameOf(spec),
    description: spec.description,
    owner: spec.owner,
    visibility: spec.visibility ?? 'listed',
    shareable: spec.shareable,
    fields: spec.fields.map(toField),
    key: spec.key ?? [],
    subject: spec.subject,
    onErase: spec.onErase === 'nullify' ? ('nullify' as const) : undefined,
    consent: spec.consent,
    relations: (spec.relations ?? []).map((relation): Relation =>
      compact({
        name: relation.name,
        graphqlName: camelCase(relation.name),
        to: relation.to,
        on: Object.entries(sortKeys(relation.on)).map(([local, remote]) => ({ local, remote })),
        many: relation.many ?? false,
        description: relation.description,
      }),
    ),
    indexes: spec.indexes ?? [],
    rules: (spec.rules ?? []).map(toDatasetRule),
    maxQuarantine:
      typeof spec.maxQuarantine === 'string'
        ? { share: Number.parseFloat(spec.maxQuarantine) / 100 }
        : spec.maxQuarantine === undefined
          ? undefined
          : { rows: spec.maxQuarantine },
    drift: spec.drift === 'freeze' ? undefined : spec.drift,
    quarantine: spec.quarantine && { keepSeconds: parseDuration(spec.quarantine.keep) ?? 0 },
    freshness: spec.freshness && { field: spec.freshness.field, withinSeconds: parseDuration(spec.freshness.within) ?? 0 },
    cache: spec.cache && { ttlSeconds: parseDuration(spec.cache.ttl) ?? 0 },
    producedBy: facts.producedBy ?? undefined,
    source: remoteTable(spec),
    contractVersion: facts.contractVersion,
  });
}

function remoteTable({ source, table }: DatasetSpec): RemoteTable | undefined {
  const name = table === undefined ? undefined : parseTableName(table);
  return source !== undefined && name ? { source, table: name } : undefined;
}

export function toField(field: FieldShape): Field {
  return compact({
    name: field.name,
    graphqlName: camelCase(field.name),
    ...splitType(field.type),
    required: field.required ?? false,
    description: field.description,
    deprecated: field.deprecated,
    tags: field.tags ?? [],
    visibility: field.visibility ?? 'listed',
    shareable: field.shareable,
    rules: (field.rules ?? []).flatMap((rule) => toFieldRule(rule) ?? []),
    format: field.format,
    column: field.column,
    encrypted: field.encrypted === true ? (true as const) : undefined,
    aliases: field.aliases,
    default: field.default,
  });
}

function toFieldRule(rule: FieldRuleShape): FieldRule | undefined {
  const severity = rule.severity ?? 'error';
  if (rule.unique) return { kind: 'unique', severity };
  if (rule.matches !== undefined) return { kind: 'matches', severity, pattern: rule.matches };
  if (rule.between) return { kind: 'between', severity, low: rule.between[0], high: rule.between[1] };
  if (rule.in) return { kind: 'in', severity, values: rule.in };
  if (rule.length) return { kind: 'length', severity, low: rule.length[0], high: rule.length[1] };
  const [dataset, field] = rule.references?.split('.') ?? [];
  return dataset !== undefined && field !== undefined ? { kind: 'references', severity, dataset, field } : undefined;
}

function toDatasetRule(rule: NonNullable<DatasetSpec['rules']>[number]): DatasetRule {
  const base = { name: rule.name, severity: rule.severity ?? ('error' as const) };
  if (rule.check !== undefined) return { ...base, kind: 'check', expression: rule.check };
  if (rule.unique) return { ...base, kind: 'unique', fields: rule.unique };
  return compact({ ...base, kind: 'rowCount' as const, low: rule.rowCount?.min, high: rule.rowCount?.max });
}

type Compact<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Without the keys that are undefined: "not there" has one form. */
function compact<T extends object>(object: T): Compact<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Compact<T>;
}

function some<T>(items: readonly T[] | undefined): T[] | undefined {
  return items && items.length > 0 ? [...items] : undefined;
}

function distinct<T>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}

function sortKeys<T>(object: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function warning(severity: 'warn' | 'error' | undefined): 'warn' | undefined {
  return severity === 'warn' ? 'warn' : undefined;
}
