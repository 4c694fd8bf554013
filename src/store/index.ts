export type { Connection } from './connection.js';
export { CopySessions, type CopySession, type CopyStream } from './copy-sessions.js';
export { Database, EXPORT_SESSIONS, type DatabaseOptions, type Transaction } from './database.js';
export { EmbeddedPostgres, type EmbeddedOptions } from './embedded.js';
export { HomeLock } from './home-lock.js';
export { Notifications } from './notifications.js';
export { ReaderPool, type PreparedQuery } from './reader-pool.js';
export { openStore, type Store } from './store.js';
export { KeyRing, type SigningKey } from './key-ring.js';
