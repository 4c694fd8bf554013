/** Who asks: what a verified credential says, or `anonymous` when there is none. */
export interface Principal {
  readonly subject: string;
  /**
   * What vouches for the subject: `token:` with the issuer, or `key:` with the id of an API key. Absent where nothing does. An admin may
   * make a key under any subject, so only both together say that two requests are from the same one.
   */
  readonly credential?: string;
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

/** Whether something that this principal did was done by it, as it is stored: by the same subject under the same kind of credential. */
export function isSameOne({ subject, credential }: Principal, stored: { readonly subject: string; readonly credential: string | null }): boolean {
  return credential !== undefined && credential === stored.credential && subject === stored.subject;
}

export function hasRole(principal: Pick<Principal, 'roles'>, ...roles: readonly ControlRole[]): boolean {
  return roles.some((role) => principal.roles.includes(role));
}
