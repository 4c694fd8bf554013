export { Sources, type SourcesOptions, type SourceState } from './sources.js';
export { PostgresSource, type SourceStatus } from './postgres-source.js';
export { castColumn, fits, type RemoteColumn } from './remote-column.js';
export { localName, TakenNames } from './local-name.js';
export { tokensSql, tokensText } from './describe-table.js';
export type { ServerFacts } from './server-facts.js';
export type { ImportedTables } from './import-tables.js';
