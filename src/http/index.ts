export type { Asked } from './graphql-route.js';
export { Gate, type GateOptions } from './gate.js';
export { Gateway, type GatewayOptions } from './gateway.js';
export type { Upload } from './ingest-route.js';
export { Metrics } from './metrics.js';
export { Overload } from './overload.js';
export { SharedCounts } from './shared-counts.js';
