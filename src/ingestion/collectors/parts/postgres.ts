import { z } from 'zod';
import { Name, parseTableName, tableNameText } from '../../../catalog/index.js';
import { captureNames, dropText } from './capture-names.js';
import { checkFieldNames } from './fields.js';
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
  columns: z.record(Name, RemoteName).optional(),
  since: Since.optional(),
  capture: Capture.optional(),
});
export type PostgresPart = z.output<typeof Shape>;

/** What is asked of another PostgreSQL. */
export const postgresPart: CollectorPart<typeof Shape> = {
  shape: Shape,
  kind: (part) => ((part as PostgresPart).capture ? 'stream' : 'pull'),
  identity: ['table', 'columns', 'since.column', 'since.start', 'capture'],
  check(part, facts) {
    const { columns, since, capture } = part as PostgresPart;
    const { dataset, mode } = facts;
    const problem = checkFieldNames('columns', columns, facts);
    if (problem) return problem;
    const missing = columns && dataset.key.find((name) => !Object.hasOwn(columns, name));
    if (missing !== undefined) return { path: ['columns'], message: `the key of ${dataset.name} has "${missing}", which no column is given for` };
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
