import type { Dataset } from '../catalog/index.js';
import type { Parameter } from '../sql/index.js';
import type { FetchPlan } from './fetch-plan.js';
import { NOT_ENCRYPTED, type Encryption } from './opening.js';
import type { Keepable } from './keepable.js';
import type { Place } from './source.js';

/** One SQL statement for one root field; its one row holds JSON in bytes, and behind it the counts of rows as texts. */
export interface CompiledRead {
  readonly name: string;
  readonly text: string;
  /**
   * The keys of the answer's members, each with a column that is its JSON. Absent where the first column is the answer.
   * A page is large: the object around it is put together from texts, not written again.
   */
  readonly members?: readonly string[];
  /** The datasets whose rows the columns behind the answer count, in order; one that is reached twice stands twice. */
  readonly counted: readonly string[];
  readonly parameters: readonly Parameter[];
  /** Cursors that the request gave must carry these fingerprints. */
  readonly cursors: readonly { readonly slot: number; readonly fingerprint: string }[];
  /** A condition of a grant in it may raise an error on some row. */
  readonly mayFail: boolean;
  /**
   * Bytes of JSON that it gives at the most. Then the column behind the counts is how many there are, and the members are null
   * where these are more.
   */
  readonly maxBytes?: number;
  /** The encrypted fields in it. */
  readonly encryption: Encryption;
  /** Absent where no answer may be kept: nobody tells us of changes at a source, and a value that was decrypted is kept nowhere. */
  readonly keepable: Keepable | undefined;
  /** Relations in it that lead to another place; in the answer stand placeholders for their rows. */
  readonly crossings: readonly Crossing[];
  /** At a source: the statement is made for its server, and here is none. */
  readonly elsewhere?: Elsewhere;
  /** It runs in the store, over rows that are fetched before. */
  readonly fetch?: FetchPlan;
  /** The last columns, as they are while what the statement relies on is as it was. */
  readonly tokens: readonly string[];
}

/** A relation that leads to another place. Its statement gives a row a key: its number, from 1, JSON, and the counts. */
export interface Crossing {
  readonly index: number;
  /** In the answer, ending at the first list. */
  readonly path: readonly string[];
  readonly read: CompiledRead;
  /** Those that it reads, by name. */
  readonly datasets: readonly string[];
}

/** A part of a plan that a source answers. */
export interface Elsewhere {
  readonly source: string;
  readonly datasets: readonly Dataset[];
  /** @throws HeadgateError CONTRACT_VIOLATION when the place does not have what the contracts say */
  compile(place: Place): CompiledRead;
}

/** Of a part that a source answers: its statement is made there. */
export const NO_STATEMENT = {
  name: '',
  text: '',
  counted: [],
  parameters: [],
  cursors: [],
  mayFail: false,
  encryption: NOT_ENCRYPTED,
  keepable: undefined,
  tokens: [],
  crossings: [],
} as const satisfies CompiledRead;
