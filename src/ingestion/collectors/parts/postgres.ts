import { z } from 'zod';
import { parseTableName, tableNameText } from '../../../catalog/index.js';
import { captureNames, dropText } from './capture-names.js';
import type { CollectorPart } from './part.js';
import { Lag, Start } from './since.js';
import { checkSince } from './since-check.js';

const RemoteName = z.string().refine((text) => text !== '' && !text.includes('\0') && Buffer.byteLength(text) <= 63, {
  error: 'expected a name of 1 to 63 bytes, as the source has it',
});

const Table = z
  .string()
  .refine((text) => parseTableName(text) !== undefined, { error: 'expected a table or view as schema.table, such as public.orders' })
  .transform((text) => tableNameText(text));

/** What is new since the last time: a column that grows. */
const Since = z.strictObject({
  column: RemoteName,
  /** What is asked for the first time; everything when absent. */
  start: Start.optional(),
  /** Rows are committed later than others that are younger: so much is asked for again. Of a number that grows there is none. */
  lag: Lag.optional(),
});

/** Each change of the table, deletes with them, as the source's log has it. */
const Capture = z.strictObject({
  /** One that is there; by default the collector makes its own. */
  publication: RemoteName.optional(),
  slot: z
    .string()
    .regex(/^[a-z0-9_]{1,63}$/, { error: 'expected lower-case letters, digits and underscores, at most 63' })
    .optional(),
});

const Shape = z.strictObject({
  table: Table,
  /** The column of the source that a field of the contract is; when absent all fields are, by their names. */
  fields: z.record(z.string().min(1).max(100), RemoteName).optional(),
  since: Since.optional(),
  capture: Capture.optional(),
});
export type PostgresPart = z.output<typeof Shape>;

/** What is asked of another PostgreSQL. */
export const postgresPart: CollectorPart<typeof Shape> = {
  shape: Shape,
  kind: (part) => ((part as PostgresPart).capture ? 'stream' : 'pull'),
  identity: ['table', 'fields', 'since.column', 'since.start', 'capture'],
  check(part, facts) {
    const { fields, since, capture } = part as PostgresPart;
    const { dataset, mode } = facts;
    const unknown = Object.keys(fields ?? {}).find((name) => !dataset.fields.some((field) => field.name === name));
    if (unknown !== undefined) return { path: ['fields', unknown], message: `${dataset.name} has no field "${unknown}"` };
    const missing = fields && dataset.key.find((name) => !Object.hasOwn(fields, name));
    if (missing !== undefined) return { path: ['fields'], message: `the key of ${dataset.name} has "${missing}", which no column is given for` };
    if (!capture) return checkSince(since, facts);
    if (since) return { path: ['since'], message: 'captured changes are all changes; leave since out' };
    if (mode !== 'merge') return { path: ['capture'], message: 'a change takes the place of the row before it; say mode: merge' };
    return undefined;
  },
  leaves(part, { collector, dataset }) {
    if (!(part as PostgresPart).capture) return undefined;
    return `its replication slot stays at the source, which keeps its log for it until its disk is full. Drop it there: ${dropText(captureNames(collector, part as PostgresPart, dataset))}`;
  },
};
