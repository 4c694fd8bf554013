import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { visibleCatalog, type Knows, type ManifestChanges } from '../governance/index.js';
import { knowsOf, mayKeep, refusedTo, requestFor, type World } from '../graphql/index.js';
import { hasRole, type Principal } from '../identity/index.js';
import { HeadgateError } from '../kernel/index.js';
import { authenticate, type Door } from './authenticate.js';

export interface ManifestRoutesOptions extends Door {
  readonly world: () => World;
  readonly manifests: Pick<ManifestChanges, 'parse' | 'apply' | 'accessDiff' | 'export'>;
}

const LARGEST_BODY = 32 * 1024 * 1024;

const Apply = z.strictObject({
  files: z
    .array(z.strictObject({ file: z.string().max(4096), text: z.string() }))
    .min(1)
    .max(1000),
  dryRun: z.boolean().default(false),
  prune: z.boolean().default(false),
  reason: z.string().optional(),
});

/**
 * Manifests as the command line sends and fetches them: many files at once, whose names come back in errors.
 * The mutation `applyManifest` is the same for one text.
 */
export function manifestRoutes(app: FastifyInstance, options: ManifestRoutesOptions): void {
  app.post('/manifests', { bodyLimit: LARGEST_BODY }, async (request, reply) => {
    const { documents, principal, dryRun, prune, reason } = await received(options, request, reply);
    const { approval, ...result } = await options.manifests.apply(documents, principal, { dryRun, prune, reason });
    if (!approval) return result;
    const { requester: _, ...kept } = requestFor(approval, knownTo(principal, options));
    return { ...result, approval: kept };
  });

  // Who would gain or lose what by them.
  app.post('/manifests/access', { bodyLimit: LARGEST_BODY }, async (request, reply) => {
    const { documents, principal, prune } = await received(options, request, reply);
    await options.audit.record({ actor: principal, action: 'accessDiff', decision: 'ALLOWED', details: { by: ['files'] } });
    return { changes: await options.manifests.accessDiff(documents, principal, { prune, knows: knownTo(principal, options) }) };
  });

  app.get('/manifests', async (request, reply) => {
    const principal = await authenticate(options, request, reply);
    // Secret names are in the manifests: they are for those who know all names.
    if (!hasRole(principal, 'admin', 'engineer')) throw await refusal(options, principal, 'export', 'admin and engineer');
    return { manifests: await options.manifests.export() };
  });
}

function knownTo(principal: Principal, options: ManifestRoutesOptions): Knows {
  const world = options.world();
  return knowsOf({ world, visible: visibleCatalog(world.catalog, world.authorizer.knownSecrets(principal)) });
}

/** What was sent, when the principal may apply it. */
async function received(options: ManifestRoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  const principal = await authenticate(options, request, reply);
  if (!hasRole(principal, 'admin', 'steward', 'engineer')) throw await refusal(options, principal, 'apply', 'admin, steward and engineer');
  const parsed = Apply.safeParse(request.body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new HeadgateError(
      'BAD_USER_INPUT',
      `Expected { files: [{ file, text }], dryRun, prune, reason }: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}.`,
    );
  }
  const { files, ...settings } = parsed.data;
  const documents = options.manifests.parse(files);
  const foreign = documents.find((document) => !mayKeep(principal, document.kind));
  if (foreign || (settings.prune && !hasRole(principal, 'admin'))) {
    throw await refusal(options, principal, 'apply', foreign ? `another role (kind ${foreign.kind}, "${foreign.name}")` : 'admin (prune)');
  }
  return { principal, documents, ...settings };
}

async function refusal({ audit }: Door, principal: Principal, action: string, who: string): Promise<HeadgateError> {
  const error = refusedTo(principal, action, who);
  await audit.record({ actor: principal, action, decision: 'DENIED', details: { code: error.code } });
  return error;
}
