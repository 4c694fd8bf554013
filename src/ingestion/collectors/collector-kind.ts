import { didYouMean, listOf, type ManifestKind } from '../../catalog/index.js';
import { saveSchedule, scheduleOf } from '../../jobs/index.js';
import { canonicalJson, memberOf } from '../../kernel/index.js';
import { CollectorEntity } from './collector.entity.js';
import { askedOf, CollectorShape, isStream, partNames, partOf, type CollectorSpec } from './collector-shape.js';

/** The kind of the owners of their schedules. */
export const SCHEDULED = 'Collector';

/** Collectors as manifests: after sources and datasets, which they name. */
export const collectorKind: ManifestKind<CollectorSpec> = {
  kind: 'Collector',
  schema: CollectorShape,
  async load(tx) {
    const collectors = await tx.manager.find(CollectorEntity, { order: { name: 'ASC' } });
    return new Map(collectors.map(({ name, spec }) => [name, spec]));
  },
  async save(name, spec, before, context, fail) {
    const { tx, appliedBy } = context;
    const { sources, datasets } = await context.catalog();
    const source = sources.get(spec.source);
    if (!source) return fail(['source'], `there is no source "${spec.source}".${didYouMean(spec.source, sources.keys())} Known: ${listOf(sources.keys())}`);
    const part = partOf(source.type);
    if (!part) return fail(['source'], `rows of sources of type ${source.type} can not be collected by this version`);
    const [given] = partNames(spec);
    if (given !== undefined && given !== source.type) fail([given], `the source ${spec.source} is of type ${source.type}: say ${source.type}: instead`);
    if (given === undefined) {
      const problem = part.shape.safeParse({}).error?.issues[0];
      if (problem)
        fail(['source'], `the source ${spec.source} is of type ${source.type}, so the key ${source.type}: is needed, with ${problem.path.join('.')}`);
    }
    const asked = askedOf(spec, source.type);
    const streams = isStream(spec, source.type);
    if (streams && spec.schedule !== undefined) fail(['schedule'], `a source of type ${source.type} is followed without end; leave the schedule out`);
    if (streams && spec.mode === 'replace') fail(['mode'], 'a stream never ends, so its rows can not replace the dataset; say append or merge');

    const dataset = datasets.get(spec.dataset);
    if (!dataset) return fail(['dataset'], `there is no dataset "${spec.dataset}".${didYouMean(spec.dataset, datasets.keys())}`);
    if (dataset.source)
      fail(['dataset'], `the rows of ${spec.dataset} stay at the source ${dataset.source.source}; collect them into a dataset that is stored here`);
    if (dataset.producedBy !== undefined) fail(['dataset'], `${spec.dataset} is made by the pipeline ${dataset.producedBy}; collect into one of its inputs`);
    if (spec.mode === 'merge' && dataset.key.length === 0)
      fail(['mode'], `${spec.dataset} has no key, so rows can not be merged; say append, or give its contract a key`);
    const problem = asked && part.check?.(asked, { mode: spec.mode ?? 'append', dataset });
    if (problem) fail([source.type, ...problem.path], problem.message);

    await tx.manager.upsert(CollectorEntity, { name, spec, updatedBy: appliedBy, updatedAt: new Date() }, ['name']);
    // What is paused is not started, and what was missed meanwhile is not made up for.
    await saveSchedule(tx, SCHEDULED, name, spec.schedule === undefined || spec.paused ? undefined : scheduleOf(spec.schedule));
    if (before && whatOf(before) !== whatOf(spec)) {
      const [moved] = await tx.query('DELETE FROM headgate.collector_position WHERE collector = $1 RETURNING collector', [name]);
      if (moved) context.warn(`Collector ${name}: what it collects is another thing now, so it begins from the beginning.`);
    }
  },
  async remove(name, context) {
    const { tx } = context;
    const entity = await tx.manager.findOneBy(CollectorEntity, { name });
    await saveSchedule(tx, SCHEDULED, name, undefined);
    await tx.manager.delete(CollectorEntity, { name });
    const [part] = entity ? partNames(entity.spec) : [];
    const dataset = entity && (await context.catalog()).datasets.get(entity.spec.dataset);
    if (!entity || part === undefined || !dataset) return;
    const left = partOf(part)?.leaves?.(askedOf(entity.spec, part) ?? {}, { collector: name, dataset });
    if (left !== undefined) context.warn(`Collector ${name}: ${left}`);
  },
  needs: ({ source, dataset }) => [
    { kind: 'Source', name: source },
    { kind: 'Dataset', name: dataset },
  ],
};

/** What it collects, and into what: all but how. */
function whatOf(spec: CollectorSpec): string {
  const parts = partNames(spec).map((name) => {
    const part = askedOf(spec, name);
    return (partOf(name)?.identity ?? []).map((key) => [key, key.split('.').reduce<unknown>(memberOf, part) ?? null]);
  });
  return canonicalJson([spec.source, spec.dataset, parts]);
}
