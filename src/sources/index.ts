export { Sources, type SourcesOptions } from './sources.js';
export { PostgresSource, type SourceStatus } from './postgres-source.js';
export { castColumn, fits, type RemoteColumn } from './remote-column.js';
export { tokensSql, tokensText } from './describe-table.js';
export type { ServerFacts } from './server-facts.js';
