import { z } from 'zod';
import type { Principal } from '../identity/index.js';
import { DECIMALS, QUOTES, type DialectRequest, type SaidDialect } from './dialect/dialect.js';
import type { RunActor, RunPriority } from '../lifecycle/index.js';
import { LOAD_MODES } from './outcome.js';

/** What the `ingest` mutation takes. */
export interface IngestInput extends SaidDialect {
  readonly dataset: string;
  /** A file below the configured folder. */
  readonly source?: string | undefined;
  /** A URL, http or https. */
  readonly url?: string | undefined;
  /** The rows themselves. */
  readonly content?: string | undefined;
  readonly format?: string | undefined;
  /** `append` (the default), `replace` or `merge`. */
  readonly mode?: string | undefined;
  readonly force?: boolean | undefined;
  readonly idempotencyKey?: string | undefined;
  /** `NORMAL` when it is not said. */
  readonly priority?: RunPriority | undefined;
}

/** What a run of the kind INGESTION keeps of its request. */
export const RunInput = z.object({
  mode: z.enum(LOAD_MODES),
  format: z.string().optional(),
  force: z.boolean().optional(),
  source: z.string().optional(),
  /** Without its query, which may be a secret: that is kept as content is. */
  url: z.string().optional(),
  contentHash: z.string().optional(),
  /** What was said of how the text is written. */
  dialect: z
    .object({
      delimiter: z.string().optional(),
      quote: z.enum(QUOTES).optional(),
      encoding: z.string().optional(),
      header: z.boolean().optional(),
      decimal: z.enum(DECIMALS).optional(),
    })
    .optional(),
  detect: z.boolean().optional(),
  /** The rows are some of the quarantine; which, and with what in place of what came, waits as its content. */
  replay: z.literal(true).optional(),
  actor: z.object({
    roles: z.array(z.string()),
    purpose: z.string().optional(),
    /** Those that the credential may declare. */
    purposes: z.array(z.string()).optional(),
    /** The claim "jti" of the token, by which it can be revoked. */
    tokenId: z.string().optional(),
  }),
});
export type RunInput = z.infer<typeof RunInput>;

/** What the `replayQuarantine` mutation takes. */
export interface ReplayInput {
  readonly dataset: string;
  /** Absent: all that are open. */
  readonly ids?: readonly string[] | undefined;
  /** By field, what takes the place of what came. */
  readonly patch?: Readonly<Record<string, string | null>> | undefined;
  /** `append` (the default) or `merge`. */
  readonly mode?: string | undefined;
}

/** How a replay waits. */
export const ReplayContent = z.object({ ids: z.array(z.string()).optional(), patch: z.record(z.string(), z.string().nullable()) });

/** Who asks for a load, with what of the credential is looked at again when its turn has come. */
export interface LoadActor extends RunActor, Partial<Pick<Principal, 'purposes' | 'claims'>> {}

/**
 * The part of an actor that the run does not name elsewhere: its entry is complete, and what its credential may do is known, also when a
 * worker does it.
 */
export function actorOf({ roles, purpose, purposes = [], claims }: LoadActor): RunInput['actor'] {
  const tokenId = claims?.['jti'];
  return {
    roles: [...roles],
    ...(purpose !== undefined && { purpose }),
    ...(purposes.length > 0 && { purposes: [...purposes] }),
    ...(typeof tokenId === 'string' && { tokenId }),
  };
}

/** What a run keeps of the dialect, and the other way round. */
export function keptDialect({ said, detect }: DialectRequest): Pick<RunInput, 'dialect' | 'detect'> {
  const { delimiter, quote, encoding, header, decimal } = said;
  const dialect = { delimiter, quote, encoding, header, decimal };
  const isSaid = Object.values(dialect).some((value) => value !== undefined);
  return { ...(isSaid && { dialect }), ...(detect && { detect }) };
}

export function dialectOf({ dialect = {}, detect = false }: Pick<RunInput, 'dialect' | 'detect'>): DialectRequest {
  return { said: dialect, detect };
}
