export { PipelineEntity } from './pipeline.entity.js';
export { pipelineKind } from './pipeline-kind.js';
export type { PipelineSpec } from './pipeline-spec.js';
export { Pipelines, type Pipeline, type PipelinesOptions } from './pipelines.js';
