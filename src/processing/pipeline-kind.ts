import { ArrayContains } from 'typeorm';
import { removeDataset, type ManifestKind } from '../catalog/index.js';
import { saveSchedule, scheduleOf } from '../jobs/index.js';
import { HeadgateError } from '../kernel/index.js';
import { PipelineEntity } from './pipeline.entity.js';
import { declarationsOf, PipelineShape, publishOf, wordsOf, type PipelineSpec } from './pipeline-spec.js';
import { settlePipelines } from './settle.js';

/** What owns the schedules of pipelines. */
export const SCHEDULED = 'Pipeline';

/** Pipelines as manifests: after `Dataset`, whose fields they read, and before `Grant`, which may name what they make. */
export const pipelineKind: ManifestKind<PipelineSpec> = {
  kind: 'Pipeline',
  schema: PipelineShape,
  async load(tx) {
    const pipelines = await tx.manager.find(PipelineEntity, { order: { name: 'ASC' } });
    return new Map(pipelines.map(({ name, spec }) => [name, PipelineShape.parse(spec)]));
  },
  async save(name, spec, _before, context, fail) {
    const { tx, appliedBy } = context;
    const output = publishOf(spec).to;
    const other = await tx.manager.findOneBy(PipelineEntity, { output });
    if (other && other.name !== name) {
      fail(['steps', spec.steps.length - 1, 'publish', 'to'], `the dataset ${output} is made by the pipeline ${other.name}; choose another name`, 'CONFLICT');
    }
    await tx.manager.upsert(PipelineEntity, { name, spec, inputs: [], output, updatedBy: appliedBy, updatedAt: new Date() }, ['name']);
    await saveSchedule(tx, SCHEDULED, name, spec.schedule === undefined ? undefined : scheduleOf(spec.schedule));
    for (const { step, tags, subject, reason } of declarationsOf(spec).anonymises ?? []) {
      if (tags) context.warn(`Pipeline ${name}: the step ${step} hands the tags ${tags.join(', ')} on to nothing, on its own word: ${reason}`);
      if (subject) context.warn(`Pipeline ${name}: the rows of the step ${step} are about no person and need no consent, on its own word: ${reason}`);
    }
  },
  record: declarationsOf,
  settle: settlePipelines,
  async remove(name, { tx }) {
    const pipeline = await tx.manager.findOneBy(PipelineEntity, { name });
    if (!pipeline) return;
    const reader = await tx.manager.findOneBy(PipelineEntity, { inputs: ArrayContains([pipeline.output]) });
    if (reader) {
      throw new HeadgateError(
        'CONFLICT',
        `The pipeline ${name} can't be removed: ${reader.name} reads ${pipeline.output}, which it makes. Remove or change that first.`,
        {
          name,
          neededBy: reader.name,
        },
      );
    }
    await tx.manager.delete(PipelineEntity, { name });
    await saveSchedule(tx, SCHEDULED, name, undefined);
    await removeDataset(tx, pipeline.output);
  },
  // Words of SQL that are no dataset's name do no harm: nobody removes what is not there.
  needs: (spec) => [...wordsOf(spec)].map((name) => ({ kind: 'Dataset', name })),
};
