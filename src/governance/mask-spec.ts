import { z } from 'zod';
import { MADE, type Mask } from './mask-kind.js';

/** More characters than this are no longer a part of a value. */
const MOST_SHOWN = 1_000;
/** So that a step and its power of ten are exact as a float. */
const MOST_DIGITS = 15;

const shown = z.int().min(0).max(MOST_SHOWN).default(0);

const step = z
  .union([z.string(), z.number()])
  .transform(String)
  .refine((text) => /^\d+(\.\d+)?$/.test(text) && /[1-9]/.test(text) && text.replace('.', '').length <= MOST_DIGITS, {
    message: `A step is a number above 0 with at most ${MOST_DIGITS} digits, e.g. 10 or 0.5.`,
  })
  .transform((text) => {
    const [whole = '', decimals = ''] = text.split('.');
    const fraction = decimals.replace(/0+$/, '');
    return (whole.replace(/^0+(?=\d)/, '') || '0') + (fraction ? `.${fraction}` : '');
  });

const scope = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'A scope is named with lower-case letters, digits, dots, dashes and underscores.')
  .optional();

/** More places are within a metre: the house, if not the room. */
const MOST_PLACES = 4;

/**
 * A mask as it stands in a grant, `{ mask: partial, last: 2 }`, normalised: what is left out gets its value, and equal
 * meaning gives equal output.
 */
export const MaskSpec = z
  .discriminatedUnion(
    'mask',
    [
      z.strictObject({ mask: z.literal('redact') }),
      z.strictObject({ mask: z.literal('nullify') }),
      z.strictObject({ mask: z.literal('hash'), scope }),
      z.strictObject({
        mask: z.literal('partial'),
        first: shown,
        last: shown,
        with: z
          .string()
          .min(1)
          .max(10)
          .refine((text) => !text.includes('\0') && text.isWellFormed(), { message: 'A NUL character is not allowed.' })
          .default('*'),
      }),
      z.strictObject({ mask: z.literal('email') }),
      z.strictObject({ mask: z.literal('year') }),
      z.strictObject({ mask: z.literal('truncate'), to: z.enum(['month', 'day', 'hour']) }),
      z.strictObject({ mask: z.literal('round'), step }),
      z.strictObject({ mask: z.literal('range'), step }),
      z.strictObject({ mask: z.literal('location'), digits: z.int().min(0).max(MOST_PLACES) }),
      z.strictObject({ mask: z.literal('pseudonym'), kind: z.enum(MADE), scope }),
      z.strictObject({ mask: z.literal('tokenize'), scope }),
      z.strictObject({ mask: z.literal('sql'), sql: z.string().trim().min(1).max(10_000) }),
    ],
    {
      error: ({ code }) =>
        code === 'invalid_union'
          ? 'Expected one of the masks redact, nullify, hash, partial, email, year, truncate, round, range, location, pseudonym, tokenize and sql.'
          : undefined,
    },
  )
  .transform((spec): Mask => {
    if (spec.mask === 'hash' || spec.mask === 'tokenize') return { kind: spec.mask, ...scoped(spec) };
    if (spec.mask === 'pseudonym') return { kind: 'pseudonym', made: spec.kind, ...scoped(spec) };
    const { mask: kind, ...settings } = spec;
    return { kind, ...settings } as Mask;
  });

function scoped(spec: { readonly scope?: string | undefined }): { readonly scope?: string } {
  return spec.scope === undefined ? {} : { scope: spec.scope };
}

/** The mask as it stands in a grant: what `MaskSpec` reads back to the same mask. */
export function maskDocument(mask: Mask): { readonly mask: Mask['kind'] } & Record<string, unknown> {
  if (mask.kind === 'sql') return { mask: 'sql', sql: mask.sql };
  if (mask.kind === 'pseudonym') return { mask: 'pseudonym', kind: mask.made, ...scoped(mask) };
  const { kind, ...settings } = mask;
  return { mask: kind, ...settings };
}
