export { FORMATS, formatOf, type Format } from './format.js';
export { Ingestion, type AfterLoad, type IngestionOptions, type LoadNow } from './ingestion.js';
export type { LoadRequest } from './load-request.js';
export { Loader, type LoaderOptions } from './loader.js';
export { LOAD_MODES, type LoadCounts, type LoadMode, type LoadOutcome, type LoadPhase, type LoadProgress, type Reason } from './outcome.js';
export { Quarantine, QuarantinedRowEntity, type QuarantinePage } from './quarantine.js';
export { inFile } from './rejection.js';
export type { IngestInput } from './run-input.js';
export type { Source } from './source.js';
