import type { Transaction } from '../store/index.js';
import type { ManifestKind } from './manifest-kind.js';
import { SourceEntity } from './source.entity.js';
import { SourceSpec } from './source-spec.js';

/** Sources as manifests. Before datasets, which name them. */
export const sourceKind: ManifestKind<SourceSpec> = {
  kind: 'Source',
  schema: SourceSpec,
  async load(tx) {
    const sources = await tx.manager.find(SourceEntity, { order: { name: 'ASC' } });
    return new Map(sources.map(({ name, spec }) => [name, spec]));
  },
  async save(name, spec, _before, { tx, appliedBy }) {
    await tx.manager.save(SourceEntity, { name, spec, updatedBy: appliedBy, updatedAt: new Date() });
  },
  async remove(name, { tx }) {
    await tx.manager.delete(SourceEntity, { name });
  },
};

export async function loadSources(tx: Transaction): Promise<ReadonlyMap<string, SourceSpec>> {
  return sourceKind.load(tx);
}
