import { camelCase, pascalCase } from '../kernel/index.js';
import type { DatasetShape, RelationShape } from './dataset-shape.js';
import { formatProblem } from './date-format.js';
import type { FieldRuleShape, FieldShape } from './field-spec.js';
import { checkEncrypted } from './encrypted-field.js';
import { checkErasure } from './erasure-rules.js';
import { checkLive } from './live-dataset.js';
import { checkLoaded } from './loaded-columns.js';
import type { ScalarType } from './model.js';
import { RESERVED_ROOTS, RESERVED_TYPES } from './reserved.js';
import { didYouMean, listOf } from './suggest.js';
import { rootNamesOf, typeNamesOf } from './type-names.js';

type Complain = (path: readonly (string | number)[], message: string) => void;

/** What can be known wrong of a dataset without looking at anything else. */
export function checkMeaning(dataset: DatasetShape, complain: Complain): void {
  checkNames(dataset, complain);
  checkFieldNames(dataset, complain);
  dataset.fields.forEach((field, i) => checkField(field, ['fields', i], complain));
  checkKey(dataset, complain);
  checkUses(dataset, complain);
  dataset.relations?.forEach((relation, i) => checkRelation(dataset, relation, ['relations', i], complain));
  checkRules(dataset, complain);
  checkErasure(dataset, complain);
  checkLive(dataset, complain);
  checkEncrypted(dataset, complain);
  checkLoaded(dataset, complain);
}

export function typeNameOf(dataset: { readonly name: string; readonly typeName?: string | undefined }): string {
  return dataset.typeName ?? pascalCase(dataset.name);
}

/** `text[]` -> text, and that it is a list. */
export function splitType(type: string): { readonly type: ScalarType; readonly list: boolean } {
  const list = type.endsWith('[]');
  return { type: (list ? type.slice(0, -2) : type) as ScalarType, list };
}

function checkNames(dataset: DatasetShape, complain: Complain): void {
  const root = rootNamesOf(camelCase(dataset.name)).find((name) => RESERVED_ROOTS.has(name));
  if (root) complain(['name'], `the name is reserved: "${root}" is a field of the control plane (schema/reserved.txt has all). Choose another name.`);
  const typeName = typeNameOf(dataset);
  const type = typeNamesOf(typeName).find((name) => RESERVED_TYPES.has(name));
  if (!type) return;
  const derived = type === typeName ? '' : `, because its types include ${type}`;
  if (dataset.typeName !== undefined)
    complain(['typeName'], `the type name ${typeName} is reserved${derived} (schema/reserved.txt has all). Choose another one.`);
  else if (!root)
    complain(['name'], `the type name ${typeName}, which the dataset has from its name, is reserved${derived}. Give it another one with typeName.`);
}

/** One GraphQL field each: fields and relations share the row type. */
function checkFieldNames(dataset: DatasetShape, complain: Complain): void {
  const taken = new Map<string, string>();
  const all = [
    ...dataset.fields.map(({ name }, i) => ({ name, what: 'field', path: ['fields', i, 'name'] })),
    ...(dataset.relations ?? []).map(({ name }, i) => ({ name, what: 'relation', path: ['relations', i, 'name'] })),
  ];
  for (const { name, what, path } of all) {
    const graphqlName = camelCase(name);
    const other = taken.get(graphqlName);
    if (['and', 'or', 'not'].includes(name)) complain(path, `"${name}" is reserved: filters combine with it`);
    else if (other) complain(path, `the ${what} ${name} and the ${other} have one name in GraphQL, ${graphqlName}; rename one`);
    taken.set(graphqlName, `${what} ${name}`);
  }
}

function checkField(field: FieldShape, path: readonly (string | number)[], complain: Complain): void {
  const { type, list } = splitType(field.type);
  if (field.format !== undefined) {
    const problem = list ? 'format is not for lists' : formatProblem(field.format, type);
    if (problem) complain([...path, 'format'], problem);
  }
  field.rules?.forEach((rule, i) => {
    const problem = ruleProblem(rule, type, list);
    if (problem) complain([...path, 'rules', i], `${problem}; the type is ${field.type}`);
  });
}

function ruleProblem(rule: FieldRuleShape, type: ScalarType, list: boolean): string | undefined {
  const plain = !list && type !== 'json';
  if (rule.matches !== undefined && (type !== 'text' || list)) return 'matches is for text';
  if (rule.length !== undefined && type !== 'text' && !list) return 'length is for text and lists';
  if (rule.between !== undefined && (!plain || type === 'boolean' || type === 'uuid')) return 'between is for text, numbers, dates and times';
  if (rule.in !== undefined && !plain) return 'in is for single values';
  if (rule.unique !== undefined && !plain) return 'unique is for single values';
  if (rule.references !== undefined && (!plain || type === 'float')) return 'references is for single values that are compared exactly';
  return undefined;
}

function checkKey(dataset: DatasetShape, complain: Complain): void {
  dataset.key?.forEach((name, i) => {
    const field = findField(dataset, name, ['key', i], complain);
    if (dataset.key?.indexOf(name) !== i) complain(['key', i], `${name} is in the key twice`);
    if (!field) return;
    const { type, list } = splitType(field.type);
    if (list || type === 'json' || type === 'float')
      complain(['key', i], `${name} is ${field.type}, which can't identify a row exactly; a key is of single values, not json or float`);
    if (field.required === false)
      complain(['fields', dataset.fields.indexOf(field), 'required'], `${name} is part of the key, and so always required; leave "required: false" out`);
  });
}

function checkUses(dataset: DatasetShape, complain: Complain): void {
  const subject = dataset.subject === undefined ? undefined : findField(dataset, dataset.subject, ['subject'], complain);
  if (subject && !['text', 'integer', 'bigint', 'uuid'].includes(subject.type))
    complain(['subject'], `${subject.name} is ${subject.type}; a person is named by text, integer, bigint or uuid`);
  if (dataset.consent && dataset.subject === undefined)
    complain(['consent'], 'consent is of the person that a row is about: say which field tells, as in subject: customer_id');
  const fresh = dataset.freshness && findField(dataset, dataset.freshness.field, ['freshness', 'field'], complain);
  if (fresh && fresh.type !== 'timestamp' && fresh.type !== 'date')
    complain(['freshness', 'field'], `${fresh.name} is ${fresh.type}; freshness reads a timestamp or a date`);
  dataset.indexes?.forEach((index, i) =>
    index.forEach((name, j) => {
      const field = findField(dataset, name, ['indexes', i, j], complain);
      if (field && (field.type === 'json' || field.type.endsWith('[]'))) complain(['indexes', i, j], `${name} is ${field.type}, which has no order to index`);
      if (index.indexOf(name) !== j) complain(['indexes', i, j], `${name} is in the index twice`);
    }),
  );
}

function checkRelation(dataset: DatasetShape, relation: RelationShape, path: readonly (string | number)[], complain: Complain): void {
  for (const local of Object.keys(relation.on)) {
    const field = findField(dataset, local, [...path, 'on', local], complain);
    if (field && !isJoinable(field.type)) complain([...path, 'on', local], `${local} is ${field.type}, which can't be the key of a relation`);
  }
}

/** Values that are compared exactly, so that equal means the same thing on both sides. */
export function isJoinable(type: string): boolean {
  return !type.endsWith('[]') && type !== 'json' && type !== 'float';
}

function checkRules(dataset: DatasetShape, complain: Complain): void {
  const names = new Set<string>();
  dataset.rules?.forEach((rule, i) => {
    if (names.has(rule.name)) complain(['rules', i, 'name'], `there is a rule ${rule.name} already`);
    names.add(rule.name);
    rule.unique?.forEach((name, j) => findField(dataset, name, ['rules', i, 'unique', j], complain));
  });
}

function findField(dataset: DatasetShape, name: string, path: readonly (string | number)[], complain: Complain): FieldShape | undefined {
  const names = dataset.fields.map((field) => field.name);
  const field = dataset.fields.find((candidate) => candidate.name === name);
  if (!field) complain(path, `there is no field "${name}".${didYouMean(name, names)} Fields: ${listOf(names)}.`);
  return field;
}
