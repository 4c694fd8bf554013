import { z } from 'zod';
import { Name } from '../field-spec.js';
import { NARROWING } from './rows.js';

/** Of an API that says nothing else; what is declared can be more. */
export const DEFAULT_LIMITS = { rows: 1_000, requests: 10, bytes: 8_000_000 } as const;

const MOST = { rows: 100_000, requests: 1_000, bytes: 100_000_000 } as const;

/** What one part of an answer may take from an API. */
export const Limits = z
  .strictObject({
    rows: z.int().min(1).max(MOST.rows).optional(),
    requests: z.int().min(1).max(MOST.requests).optional(),
    bytes: z.int().min(1_000).max(MOST.bytes).optional(),
  })
  .transform((limits) => {
    const said = Object.entries(limits).filter(([key, value]) => value !== undefined && value !== DEFAULT_LIMITS[key as keyof typeof DEFAULT_LIMITS]);
    return said.length > 0 ? (Object.fromEntries(said) as typeof limits) : undefined;
  });

/** By field and operator, how the API is asked for it. */
export function filtersOf<T extends z.ZodType>(how: T) {
  const operators = z
    .strictObject({ eq: how.optional(), in: how.optional(), gt: how.optional(), gte: how.optional(), lt: how.optional(), lte: how.optional() })
    .refine((said) => Object.values(said).some((value) => value !== undefined), { error: `expected one or more of ${NARROWING.join(', ')}` });
  return z.record(Name, operators);
}
