declare module 'pg/lib/utils.js' {
  /** A parameter as node-postgres sends it: text, bytes or null; lists as PostgreSQL writes them. */
  export function prepareValue(value: unknown): string | Buffer | null;
}
