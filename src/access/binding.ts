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

/** Lists and objects are no text, so they are null to a row filter, which then shows no row. */
export function claimText(claims: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}
