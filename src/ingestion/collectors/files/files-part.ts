import { z } from 'zod';
import { DECIMALS, QUOTES } from '../../dialect/dialect.js';
import { patternFault } from '../../file-pattern.js';
import { FORMATS } from '../../format.js';
import type { CollectorPart } from '../parts/part.js';

/** Which files of a source are collected, and how they are written. */
export const filesPart = {
  shape: z.strictObject({
    /** Below the source's folder: `2024/*.csv.gz`. All files when it is left out. */
    pattern: z
      .string()
      .min(1)
      .max(1_000)
      .refine((pattern) => !pattern.startsWith('/') && !pattern.split('/').includes('..') && !/[\0\\]/.test(pattern), {
        error: 'expected a pattern such as 2024/*.csv.gz, below the folder of the source',
      })
      .superRefine((pattern, issues) => {
        const fault = patternFault(pattern);
        if (fault !== undefined) issues.addIssue({ code: 'custom', message: fault });
      })
      .optional(),
    format: z.enum(FORMATS).optional(),
    delimiter: z.string().min(1).max(9).optional(),
    quote: z.enum(QUOTES).optional(),
    encoding: z.string().min(1).max(50).optional(),
    header: z.boolean().optional(),
    decimal: z.enum(DECIMALS).optional(),
    detect: z.boolean().optional(),
  }),
  kind: 'pull',
  identity: ['pattern'],
} as const satisfies CollectorPart;

export type FilesPart = z.output<(typeof filesPart)['shape']>;
