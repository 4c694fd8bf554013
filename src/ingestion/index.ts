export { FORMATS, formatOf, type Format } from './format.js';
export type { LoadRequest } from './load-request.js';
export { Loader, type LoaderOptions } from './loader.js';
export { LOAD_MODES, type LoadCounts, type LoadMode, type LoadOutcome, type LoadPhase, type LoadProgress, type Reason } from './outcome.js';
export { Quarantine, QuarantinedRowEntity, type QuarantinePage } from './quarantine.js';
export type { Source } from './source.js';
