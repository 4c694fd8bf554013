import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import { absentDocument, parseManifests, type ManifestDocument } from '../../../catalog/index.js';
import type { RequestContext } from '../../context.js';
import { mayKeep, refusedTo } from '../rights.js';
import { ManifestResult } from '../types/manifest.type.js';

@Resolver()
export class ManifestResolver {
  @Mutation(() => ManifestResult, {
    description: 'Applies manifests (YAML, several documents allowed) in one transaction; with dryRun it tells what would change.',
  })
  async applyManifest(
    @Ctx() context: RequestContext,
    @Arg('manifest', () => String) manifest: string,
    @Arg('dryRun', () => Boolean, { nullable: true }) dryRun?: boolean,
  ): Promise<ManifestResult> {
    return apply(context, parseManifests([{ file: 'manifest', text: manifest }], context.services.kinds), dryRun ?? false);
  }

  @Mutation(() => Boolean, { description: 'Removes a dataset with all its rows.' })
  async deleteDataset(@Ctx() context: RequestContext, @Arg('name', () => String) name: string): Promise<boolean> {
    return remove(context, 'Dataset', name);
  }

  @Mutation(() => Boolean, { description: 'Removes a pipeline; its output dataset goes with it.' })
  async deletePipeline(@Ctx() context: RequestContext, @Arg('name', () => String) name: string): Promise<boolean> {
    return remove(context, 'Pipeline', name);
  }

  @Mutation(() => Boolean, { description: 'Removes a source that no dataset needs.' })
  async deleteSource(@Ctx() context: RequestContext, @Arg('name', () => String) name: string): Promise<boolean> {
    return remove(context, 'Source', name);
  }

  @Mutation(() => Boolean)
  async deleteGrant(@Ctx() context: RequestContext, @Arg('name', () => String) name: string): Promise<boolean> {
    return remove(context, 'Grant', name);
  }

  @Mutation(() => Boolean)
  async deletePurpose(@Ctx() context: RequestContext, @Arg('name', () => String) name: string): Promise<boolean> {
    return remove(context, 'Purpose', name);
  }
}

async function apply(context: RequestContext, documents: readonly ManifestDocument[], dryRun: boolean): Promise<ManifestResult> {
  const { principal, services } = context;
  const refused = documents.find((document) => !mayKeep(principal, document.kind));
  if (refused) {
    const refusal = refusedTo(
      principal,
      `applying a ${refused.kind}`,
      refused.kind === 'Grant' || refused.kind === 'Purpose' ? 'admin, steward' : 'admin, engineer',
    );
    await services.audit.record({ actor: principal, action: 'apply', decision: 'DENIED', details: { code: refusal.code, kind: refused.kind } });
    throw refusal;
  }
  return services.applyManifests(documents, principal, { dryRun });
}

/** True when it was there. */
async function remove(context: RequestContext, kind: string, name: string): Promise<boolean> {
  const { changes } = await apply(context, [absentDocument(kind, name)], false);
  return changes.some(({ change }) => change === 'remove');
}
