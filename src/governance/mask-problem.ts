import type { Field, ScalarType } from '../catalog/index.js';
import type { Mask } from './mask-kind.js';
import { isSingle } from './mask-range.js';
import { largest } from './mask-round.js';

const EVERY_TYPE = ['text', 'integer', 'bigint', 'decimal', 'float', 'boolean', 'date', 'timestamp', 'time', 'uuid', 'json'] as const;

/** The types that each mask keeps; lists are only for some. */
const KEEPS: Readonly<Record<Mask['kind'], readonly ScalarType[]>> = {
  redact: EVERY_TYPE,
  nullify: EVERY_TYPE,
  hash: ['text'],
  partial: ['text'],
  email: ['text'],
  year: ['date', 'timestamp'],
  truncate: ['date', 'timestamp'],
  round: ['integer', 'bigint', 'decimal', 'float'],
  range: ['text'],
  location: ['text', 'decimal', 'float'],
  pseudonym: ['text'],
  tokenize: ['text'],
  sql: EVERY_TYPE,
};
/** Masks that lists can have. */
const ON_LISTS: ReadonlySet<Mask['kind']> = new Set<Mask['kind']>(['redact', 'nullify', 'sql']);

/** They need not know the value. */
const OF_ENCRYPTED: readonly Mask['kind'][] = ['redact', 'nullify'];

/** Why the mask can't be on this field, with what could; undefined when it can. */
export function maskProblem(mask: Mask, field: Field): string | undefined {
  if (field.encrypted && !OF_ENCRYPTED.includes(mask.kind))
    return `"${field.name}" is encrypted, and the database, which makes the masks, can't read it. For encrypted fields there are: ${OF_ENCRYPTED.join(', ')}.`;
  if (!keeps(mask.kind, field)) {
    const fitting = (Object.keys(KEEPS) as Mask['kind'][]).filter((kind) => keeps(kind, field));
    const type = field.list ? `a list of ${field.type}` : field.type;
    return `the mask ${mask.kind} can't keep the type of "${field.name}", which is ${type}. For ${type} there are: ${fitting.join(', ')}.`;
  }
  if (mask.kind === 'truncate' && field.type === 'date' && mask.to !== 'month') {
    return `"${field.name}" is a date, and truncating it to the ${mask.to} would show it as it is. Truncate to month, or use year.`;
  }
  if (mask.kind === 'range' && isSingle(mask.step)) return `a range of "${field.name}" in steps of ${mask.step} would show it as it is. Use a larger step.`;
  if (mask.kind === 'round' && (field.type === 'integer' || field.type === 'bigint')) return integerStepProblem(mask.step, field.name, field.type);
  return undefined;
}

function integerStepProblem(step: string, name: string, type: 'integer' | 'bigint'): string | undefined {
  if (step.includes('.')) return `"${name}" is ${type}, so the step must be a whole number; ${step} is not.`;
  if (step === '1') return `rounding "${name}" to steps of 1 would show it as it is. Use a larger step.`;
  if (BigInt(step) > largest(type)) return `the step ${step} is larger than any ${type}. Use redact to hide "${name}" altogether.`;
  return undefined;
}

function keeps(kind: Mask['kind'], field: Field): boolean {
  return KEEPS[kind].includes(field.type) && (!field.list || ON_LISTS.has(kind));
}
