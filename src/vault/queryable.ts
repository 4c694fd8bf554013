import type { Database } from '../store/index.js';

/** What the vault needs of the database, or of a transaction. */
export type Queryable = Pick<Database, 'query'>;
