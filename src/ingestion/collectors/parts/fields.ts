import { z } from 'zod';
import { didYouMean, Name } from '../../../catalog/index.js';
import { isPointer } from '../../../kernel/index.js';
import type { PartFacts, PartProblem } from './part.js';

/**
 * The keys that say what a row is made of: `fields`, and whether its other members come as well.
 * @param facts what is known of a delivery beside its content, as `$name`
 * @param isFact where there are more than can be listed
 */
export function rowKeys(facts: readonly string[], isFact = (from: string) => facts.includes(from)) {
  const From = z
    .string()
    .max(1_000)
    .refine((from) => isFact(from) || isPointer(from), {
      error: `expected a JSON pointer into what is delivered, such as /order/total, or a fact of the delivery: ${facts.join(', ')}`,
    });
  return {
    /** Where each field of a row comes from: a JSON pointer into what was delivered, or a fact of the delivery. The members are the row when it is left out. */
    fields: z.record(Name, From).optional(),
    /** The members that are there, too, behind what `fields` says. */
    rest: z.literal(true, { error: 'expected true; leave it out where no other members are wanted' }).optional(),
  } as const;
}

export interface RowKeys {
  readonly fields?: Readonly<Record<string, string>> | undefined;
  readonly rest?: true | undefined;
}

/** What can be known wrong of it. */
export function checkRowKeys({ fields, rest }: RowKeys, facts: Pick<PartFacts, 'dataset'>): PartProblem | undefined {
  if (rest && !fields) return { path: ['rest'], message: 'without fields all members of a row are taken; leave rest out' };
  return checkFieldNames('fields', fields, facts);
}

/** @param key the key of the part that names fields of the contract */
export function checkFieldNames(key: string, named: object | undefined, { dataset }: Pick<PartFacts, 'dataset'>): PartProblem | undefined {
  const names = dataset.fields.map(({ name }) => name);
  const unknown = Object.keys(named ?? {}).find((name) => !names.includes(name));
  return unknown === undefined ? undefined : { path: [key, unknown], message: `${dataset.name} has no field "${unknown}".${didYouMean(unknown, names)}` };
}
