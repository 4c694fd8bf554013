import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import { absentDocument, parseManifests, type ManifestDocument } from '../../../catalog/index.js';
import type { ChangeOptions } from '../../../governance/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import type { RequestContext } from '../../context.js';
import { keepersOf, knowsOf, mayKeep, refusedTo, requestFor } from '../rights.js';
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
    @Arg('reason', () => String, { nullable: true, description: 'Why, for the record.' }) reason?: string,
  ): Promise<ManifestResult> {
    return apply(context, parseManifests([{ file: 'manifest', text: manifest }], context.services.kinds), { dryRun: dryRun ?? false, reason });
  }

  @Mutation(() => Boolean, { description: 'Removes a dataset with all its rows.' })
  async deleteDataset(
    @Ctx() context: RequestContext,
    @Arg('name', () => String) name: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<boolean> {
    return remove(context, 'Dataset', name, reason);
  }

  @Mutation(() => Boolean, { description: 'Removes a pipeline; its output dataset goes with it.' })
  async deletePipeline(
    @Ctx() context: RequestContext,
    @Arg('name', () => String) name: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<boolean> {
    return remove(context, 'Pipeline', name, reason);
  }

  @Mutation(() => Boolean, { description: 'Removes a collector; what it collected stays.' })
  async deleteCollector(
    @Ctx() context: RequestContext,
    @Arg('name', () => String) name: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<boolean> {
    return remove(context, 'Collector', name, reason);
  }

  @Mutation(() => Boolean, { description: 'Removes a source that no dataset and no collector needs.' })
  async deleteSource(
    @Ctx() context: RequestContext,
    @Arg('name', () => String) name: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<boolean> {
    return remove(context, 'Source', name, reason);
  }

  @Mutation(() => Boolean)
  async deleteGrant(
    @Ctx() context: RequestContext,
    @Arg('name', () => String) name: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<boolean> {
    return remove(context, 'Grant', name, reason);
  }

  @Mutation(() => Boolean)
  async deletePurpose(
    @Ctx() context: RequestContext,
    @Arg('name', () => String) name: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<boolean> {
    return remove(context, 'Purpose', name, reason);
  }

  @Mutation(() => Boolean, { description: 'Removes a change policy; one that asks for four eyes goes when a second person agrees.' })
  async deleteChangePolicy(
    @Ctx() context: RequestContext,
    @Arg('name', () => String) name: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<boolean> {
    return remove(context, 'ChangePolicy', name, reason);
  }

  @Mutation(() => Boolean, { description: "Takes back what stewards said of a dataset's fields; the tags of its contract stay." })
  async deleteClassification(
    @Ctx() context: RequestContext,
    @Arg('name', () => String) name: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<boolean> {
    return remove(context, 'Classification', name, reason);
  }

  @Mutation(() => Boolean, { description: 'Lifts a legal hold: what it kept may be erased again.' })
  async deleteLegalHold(
    @Ctx() context: RequestContext,
    @Arg('name', () => String) name: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<boolean> {
    return remove(context, 'LegalHold', name, reason);
  }
}

async function apply(context: RequestContext, documents: readonly ManifestDocument[], options: ChangeOptions): Promise<ManifestResult> {
  const { services, principal } = context;
  await checkKeeper(context, documents);
  const result = await services.applyManifests(documents, principal, options);
  return { ...result, ...(result.approval && { approval: requestFor(result.approval, knowsOf(context)) }) };
}

/** @throws HeadgateError FORBIDDEN, on the record, when a document is of a kind that the principal does not keep. */
export async function checkKeeper({ principal, services }: RequestContext, documents: readonly ManifestDocument[]): Promise<void> {
  const refused = documents.find((document) => !mayKeep(principal, document.kind));
  if (refused) {
    const refusal = refusedTo(principal, `applying a ${refused.kind}`, keepersOf(refused.kind));
    await services.audit.record({ actor: principal, action: 'apply', decision: 'DENIED', details: { code: refusal.code, kind: refused.kind } });
    throw refusal;
  }
}

/** True when it was there. @throws HeadgateError CONFLICT when its removal waits for a second person. */
async function remove(context: RequestContext, kind: string, name: string, reason: string | undefined): Promise<boolean> {
  const { changes, approval } = await apply(context, [absentDocument(kind, name)], { dryRun: false, reason });
  if (approval) {
    const message = `Removing the ${kind} ${name} shows somebody more than before, and waits for a second person: approveChange(id: "${approval.id}"). Nothing was removed.`;
    throw new HeadgateError('CONFLICT', message, { changeRequest: approval.id });
  }
  return changes.some(({ change }) => change === 'remove');
}
