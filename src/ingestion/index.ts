export * from './collectors/index.js';
export { DECIMALS, dialectRequest, dialectText, QUOTES, type DialectRequest, type SaidDialect } from './dialect/dialect.js';
export * from './events/index.js';
export { fetched } from './fetched.js';
export { FORMATS, formatOf, type Format } from './format.js';
export { infer, type InferredFile, type InferRequest } from './infer/infer.js';
export { SourceInference, type InferredSource, type SourceInferRequest } from './infer/source/source-inference.js';
export { Ingestion, type AfterLoad, type IngestionOptions, type LoadNow } from './ingestion.js';
export { forgetAllKeptContent, forgetKeptContent, heldContents, holdOnKeptContent, isInKeptContent, mayHold } from './kept-content.js';
export { LoadPermission } from './load-permission.js';
export type { LoadRequest } from './load-request.js';
export { Loader, type LoaderOptions, type ReplayRequest } from './loader.js';
export {
  LOAD_MODES,
  type Preview,
  type PreviewRow,
  type LoadCounts,
  type LoadMode,
  type LoadOutcome,
  type LoadPhase,
  type LoadProgress,
  type Reason,
} from './outcome.js';
export { checkPatch } from './patch-limits.js';
export { Quarantine, QuarantinedRowEntity, type QuarantinePage } from './quarantine.js';
export { MOST_IDS, QuarantineActs } from './quarantine-acts.js';
export { QuarantineSweep } from './quarantine-sweep.js';
export type { QuarantineCount, QuarantineFilter, QuarantineState, ReasonKind } from './quarantine-filter.js';
export type { ReadAs } from './read-as.js';
export type { ReplayInput } from './run-input.js';
export { inFile } from './rejection.js';
export type { IngestInput } from './run-input.js';
export { isPattern } from './file-pattern.js';
export type { Source } from './source.js';
