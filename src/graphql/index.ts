export type { RequestContext, World } from './context.js';
export { bareControlSchema, buildControlSchema } from './control/schema.js';
export type { ControlServices } from './control/services.js';
export { mayIngest, visibleDataset } from './control/rights.js';
export type { IngestInput } from './control/types/manifest.type.js';
export type { Pipeline } from './control/types/pipeline.type.js';
export { View } from './dataplane/view.js';
export { createContext, type RequestFacts, type RequestSetting } from './request-context.js';
export { Views } from './views.js';
