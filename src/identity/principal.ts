/** Who asks: what a verified credential says, or `anonymous` when there is none. */
export interface Principal {
  readonly subject: string;
  readonly roles: readonly string[];
  /** The purposes that the credential may declare. */
  readonly purposes: readonly string[];
  /** The one that this request declares, if any. */
  readonly purpose?: string;
  /** All claims of the credential; row filters read them as claim('name'). */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly anonymous: boolean;
}

/** A request without a credential. It is a principal like any other: what it may see must be granted. */
export const ANONYMOUS: Principal = Object.freeze({
  subject: 'anonymous',
  roles: Object.freeze([]),
  purposes: Object.freeze([]),
  claims: Object.freeze({}),
  anonymous: true,
});

/** The roles with rights on the control plane; none of them sees a cell of data without a grant. */
export type ControlRole = 'admin' | 'steward' | 'engineer' | 'auditor';

export function hasRole(principal: Principal, ...roles: readonly ControlRole[]): boolean {
  return roles.some((role) => principal.roles.includes(role));
}
