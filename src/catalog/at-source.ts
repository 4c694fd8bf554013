import { newId } from '../kernel/index.js';
import { PLACES } from './live-rows/places.js';
import { toDataset, type DatasetSpec } from './dataset-spec.js';
import type { ApplyContext, Fail } from './manifest-kind.js';
import { didYouMean, listOf } from './suggest.js';

/** Whether the source of a live dataset has what the contract says of it: looked at when it is applied, not when somebody reads. */
export async function checkAtSource(spec: DatasetSpec, context: ApplyContext, fail: Fail): Promise<void> {
  const { sources } = await context.catalog();
  const name = spec.source ?? '';
  const source = sources.get(name);
  if (!source) {
    return fail(
      ['source'],
      `there is no source "${name}".${didYouMean(name, sources.keys())} Known: ${listOf(sources.keys())}. Declare it with a document of kind Source`,
    );
  }
  const kind = spec.http ? 'http' : spec.graphql ? 'graphql' : 'table';
  const place = PLACES[source.type];
  if (place === undefined) return fail(['source'], `the source ${name} is of type ${source.type}, and rows can not stay there: load them with a collector`);
  if (place !== kind) {
    return fail([kind], `the source ${name} is of type ${source.type}, so say where the rows are with ${place}`);
  }
  if (!context.sources) return fail(['source'], 'sources can not be reached from here', 'UNAVAILABLE');
  // Nothing of it is kept: the id and the version are those of nothing yet.
  const { problems, warnings } = await context.sources.inspect(source, toDataset(spec, { id: newId(), contractVersion: 0 }));
  const [first, ...others] = problems;
  if (first) fail(first.path, [first, ...others].map(({ message }) => message).join('; '));
  for (const warning of warnings) context.warn(warning);
}
