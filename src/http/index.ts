export type { Asked } from './graphql-route.js';
export { Gateway, type GatewayOptions } from './gateway.js';
export type { Upload } from './ingest-route.js';
export { Metrics } from './metrics.js';
