import { z } from 'zod';
import { isLsn } from '../../../../sources/index.js';

const Lsn = z.string().refine(isLsn);

/** Where a collector is in the log of changes of its source. */
const CapturePosition = z.object({
  slot: z.string(),
  /** All transactions that were committed before it are there. */
  lsn: Lsn,
  /** Of the transaction after them, which was too large to land at once, so many changes are there. */
  within: z.object({ commit: Lsn, changes: z.int() }).optional(),
});
export type CapturePosition = z.output<typeof CapturePosition>;

/** Undefined before the first copy of the table. */
export function capturePosition(value: unknown): CapturePosition | undefined {
  return CapturePosition.safeParse(value).data;
}
