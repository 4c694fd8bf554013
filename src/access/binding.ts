import type { Principal } from '../identity/index.js';
import type { Parameter } from '../sql/index.js';

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

/** What a request brings to the statements of its plan. */
export interface ReadRequest {
  /** By slot. */
  readonly values: readonly unknown[];
  readonly claims: Readonly<Record<string, unknown>>;
  /** Regular expressions among the values. */
  readonly patterns: readonly string[];
}

/** Keys that rows are wanted for, each a list of the values of its fields as texts. */
export type Keys = readonly (readonly (string | null)[])[];

/** The values of a statement's parameters. */
export function bind(parameters: readonly Parameter[], { values, claims }: Pick<ReadRequest, 'values' | 'claims'>, keys: Keys = []): unknown[] {
  return parameters.map(({ value }) => (value instanceof KeyList ? keys.map((key) => key[value.place] ?? null) : boundValue(value, values, { claims })));
}

/** Lists and objects are no text, so they are null to a row filter, which then shows no row. */
export function claimText(claims: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}

/** What a parameter of a compiled read is in one request. @param values the request's values, by slot */
export function boundValue(value: unknown, values: readonly unknown[], { claims }: Pick<Principal, 'claims'>): unknown {
  if (value instanceof Slotted) return values[value.slot];
  return value instanceof Claimed ? claimText(claims, value.claim) : value;
}
