import { z } from 'zod';
import { Pointer } from '../../../catalog/index.js';
import { checkRowKeys, rowKeys, type RowKeys } from './fields.js';
import type { PartFacts, PartProblem } from './part.js';
import { checkSince } from './since-check.js';

/** What is known of a row beside what the API says: when its page was asked for. */
const FACTS = ['$receivedAt'];

export const DEFAULT_LIMITS = { requests: 10_000, pageBytes: 32 * 1_024 * 1_024 } as const;

/** What the parts of APIs have in common that are asked page by page. */
export const PAGE_KEYS = {
  /** Where an answer says how many rows are on all pages. */
  count: Pointer.optional(),
  ...rowKeys(FACTS),
  /** Where something is wrong, rather than much there: of one way through all pages the requests, and of one page the bytes. */
  limits: z
    .strictObject({
      requests: z.int().min(1).max(100_000).optional(),
      pageBytes: z
        .int()
        .min(1_024)
        .max(512 * 1_024 * 1_024)
        .optional(),
    })
    .optional(),
} as const;

interface PagePart extends RowKeys {
  readonly count?: string | undefined;
  readonly pages?: { readonly by: string } | undefined;
  readonly since?: object | undefined;
}

/** What can be known wrong of any of them. */
export function checkPages({ count, pages, since, ...keys }: PagePart, facts: PartFacts): PartProblem | undefined {
  if (count !== undefined && pages?.by !== 'page' && pages?.by !== 'offset')
    return { path: ['count'], message: 'the number of all rows ends pages by page and by offset, and no others; leave it out' };
  return checkRowKeys(keys, facts) ?? checkSince(since, facts);
}
