import { REDACTED_TEXT } from '../governance/index.js';
import type { Principal } from '../identity/index.js';
import type { FetchedRows } from '../sources/index.js';
import type { Parameter } from '../sql/index.js';
import type { SealedField } from '../vault/index.js';
import type { Secrets } from './opening.js';

/** A parameter of a compiled read whose value comes with the request. */
export class Slotted {
  readonly slot: number;
  constructor(slot: number) {
    this.slot = slot;
  }
}

/** A parameter that is a claim of the principal, as text; null when the token has no such claim. */
export class Claimed {
  readonly claim: string;
  constructor(claim: string) {
    this.claim = claim;
  }
}

/** A parameter that is a list: of each key that rows are wanted for, the value at this place. */
export class KeyList {
  readonly place: number;
  constructor(place: number) {
    this.place = place;
  }
}

/** A parameter that is the rows which were fetched of a dataset, as JSON. */
export class FetchedJson {
  readonly dataset: string;
  constructor(dataset: string) {
    this.dataset = dataset;
  }
}

/** A parameter that is the mark of the request, before each envelope that the statement gives. */
export class Marked {}

/** A parameter that is the blind indexes of what the request compares an encrypted field with: the database never sees the values. */
export class Blinded {
  readonly slot: number;
  readonly field: SealedField;
  constructor(slot: number, field: SealedField) {
    this.slot = slot;
    this.field = field;
  }
}

/** What a request brings to the statements of its plan. */
export interface ReadRequest {
  /** By slot. */
  readonly values: readonly unknown[];
  readonly claims: Readonly<Record<string, unknown>>;
  /** Regular expressions among the values. */
  readonly patterns: readonly string[];
  /** Of a read that has to do with encrypted fields. */
  readonly secrets?: Secrets | undefined;
  /** What was asked of APIs for this request, so that it is asked once. */
  readonly fetches?: Fetches | undefined;
  /** The rows that were fetched for a statement, as JSON, by dataset. */
  readonly fetched?: ReadonlyMap<string, string>;
}

export type Fetches = Map<string, Promise<FetchedRows>>;

/** Keys that rows are wanted for, each a list of the values of its fields as texts. */
export type Keys = readonly (readonly (string | null)[])[];

/** The values of a statement's parameters. */
export function bind(parameters: readonly Parameter[], { values, claims, secrets, fetched }: Omit<ReadRequest, 'patterns'>, keys: Keys = []): unknown[] {
  return parameters.map(({ value }) => {
    if (value instanceof KeyList) return keys.map((key) => key[value.place] ?? null);
    if (value instanceof FetchedJson) return fetchedOf(value, fetched);
    return boundValue(value, values, { claims, secrets });
  });
}

function fetchedOf({ dataset }: FetchedJson, fetched: ReadRequest['fetched']): string {
  const json = fetched?.get(dataset);
  if (json === undefined) throw new Error(`the rows of ${dataset} were not fetched`);
  return json;
}

/** What the parameters depend on: all that a request gives, in its own words. It is for telling requests apart, and stays in this process. */
export function given(parameters: readonly Parameter[], values: readonly unknown[], claims: ReadRequest['claims']): unknown[] {
  return parameters.map(({ value }) => {
    if (value instanceof Marked) return null;
    return value instanceof Blinded ? values[value.slot] : boundValue(value, values, { claims });
  });
}

/** Lists and objects are no text, so they are null to a row filter, which then shows no row. */
export function claimText(claims: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}

/** What a parameter of a compiled read is in one request. @param values the request's values, by slot */
export function boundValue(value: unknown, values: readonly unknown[], { claims, secrets }: Pick<Principal, 'claims'> & Pick<ReadRequest, 'secrets'>): unknown {
  if (value instanceof Slotted) return values[value.slot];
  if (value instanceof Marked || value instanceof Blinded) {
    if (!secrets) throw new Error('a read of encrypted fields without what encrypts');
    return value instanceof Marked ? secrets.mark : indexesOf(value, values[value.slot], secrets);
  }
  return value instanceof Claimed ? claimText(claims, value.claim) : value;
}

/** Where a mask makes all values of a field the same, they have this instead of an index. */
export const REDACTED_INDEX = '~';

function indexesOf({ field }: Blinded, operand: unknown, { index }: Secrets): string[] {
  const texts = (Array.isArray(operand) ? operand : [operand]).filter((text) => typeof text === 'string');
  // Who sees the constant of a mask finds it by its own text, as in any other field.
  return texts.flatMap((text) => (text === REDACTED_TEXT ? [index(field, text), REDACTED_INDEX] : [index(field, text)]));
}
