import { hasRole, type ControlRole } from '../../identity/index.js';
import { HeadgateError } from '../../kernel/index.js';
import type { RequestContext } from '../context.js';
import { visibleRun } from './visible-run.js';
import { allow, rule, type RuleTree, type ShieldRule } from '../shield.js';
import { mayIngest, mayWatch, OVERSEERS, refusedTo } from './rights.js';

/** A refusal of the control plane is an entry like any other, durable before it is told. */
async function refuse(context: RequestContext, action: string, error: HeadgateError, dataset?: string): Promise<HeadgateError> {
  await context.services.audit.record({
    actor: context.principal,
    action,
    decision: 'DENIED',
    details: { code: error.code },
    ...(dataset !== undefined && { dataset }),
  });
  return error;
}

function roles(...allowed: readonly ControlRole[]): ShieldRule {
  return rule<RequestContext>(`has ${allowed.join(' or ')}`, async (_parent, _args, context, info) =>
    hasRole(context.principal, ...allowed) ? true : refuse(context, info.fieldName, refusedTo(context.principal, info.fieldName, allowed.join(', '))),
  );
}

/**
 * As `roles`, for what tells of persons and their rights: who looked is on the record before they see it, with the names of the
 * conditions that they set, and not what they looked for.
 */
function looks(...allowed: readonly ControlRole[]): ShieldRule {
  return rule<RequestContext>(`looks as ${allowed.join(' or ')}`, async (_parent, args, context, info) => {
    const { fieldName: action } = info;
    const { principal, services } = context;
    if (!hasRole(principal, ...allowed)) return refuse(context, action, refusedTo(principal, action, allowed.join(', ')));
    const { where, ...others } = args as { readonly where?: object };
    const by = [...Object.keys(where ?? {}), ...Object.keys(others).filter((name) => name !== 'first' && name !== 'after')];
    await services.audit.record({ actor: principal, action, decision: 'ALLOWED', details: { by } });
    return true;
  });
}

/** Somebody with a credential; what of the answer they see is the resolver's to find. */
const known = rule<RequestContext>('has a credential', async (_parent, _args, context, info) =>
  context.principal.anonymous ? refuse(context, info.fieldName, refusedTo(context.principal, info.fieldName, 'requests with a credential')) : true,
);

/** `as` asks about somebody else, which is a steward's business. */
const explains = rule<RequestContext>('may explain', async (_parent, args, context, info) => {
  if (args['as'] === undefined || args['as'] === null) return true;
  const { principal, services } = context;
  if (!hasRole(principal, 'admin', 'steward')) return refuse(context, info.fieldName, refusedTo(principal, 'access(as:)', 'admin, steward'));
  const dataset = context.visible.datasets.get(String(args['dataset']))?.name;
  await services.audit.record({ actor: principal, action: 'access', decision: 'ALLOWED', ...(dataset !== undefined && { dataset }), details: { by: ['as'] } });
  return true;
});

/** May load into the dataset that the arguments name. */
function ingests(what: string, datasetOf: (args: Readonly<Record<string, unknown>>) => unknown): ShieldRule {
  return rule<RequestContext>(`may ingest ${what}`, async (_parent, args, context, info) => {
    const { fieldName: action } = info;
    const name = String(datasetOf(args));
    const dataset = context.visible.datasets.get(name);
    // One that can't be seen is answered by the resolver as one that does not exist.
    if (!dataset || mayIngest(context, dataset))
      return context.principal.anonymous ? refuse(context, action, refusedTo(context.principal, action, 'engineer')) : true;
    return refuse(context, action, refusedTo(context.principal, `${action} into ${name}`, 'engineer, admin, and those with a grant of the right ingest'), name);
  });
}

const ingestsInput = ingests('what input says', ({ input }) => (input as { readonly dataset: unknown }).dataset);
const ingestsDataset = ingests('into a dataset', ({ dataset }) => dataset);

/** Asked before a subscription starts too: the shield guards each of its events, and not its start. */
export async function watches(args: Readonly<Record<string, unknown>>, context: RequestContext): Promise<true | HeadgateError> {
  const name = String(args['dataset']);
  const dataset = context.visible.datasets.get(name);
  // One that can't be seen is answered by whoever asked for it as one that does not exist.
  if (!dataset || mayWatch(context, dataset)) return true;
  return refuse(context, 'subscribe', refusedTo(context.principal, `datasetChanged of ${name}`, `${OVERSEERS.join(', ')}, and those with a grant on it`), name);
}

/** As `watches`, for a run: whoever may see it may watch it. */
export async function watchesRun(args: Readonly<Record<string, unknown>>, context: RequestContext): Promise<true | HeadgateError> {
  if (context.principal.anonymous) return refuse(context, 'subscribe', refusedTo(context.principal, 'runProgress', 'requests with a credential'));
  const id = String(args['id']).slice(0, 64);
  return (await visibleRun(context, id)) ? true : new HeadgateError('NOT_FOUND', `There is no run "${id}".`, { run: id });
}

/** As `watches`, for the record. */
export async function follows(context: RequestContext): Promise<true | HeadgateError> {
  if (hasRole(context.principal, 'admin', 'auditor')) return true;
  return refuse(context, 'subscribe', refusedTo(context.principal, 'auditAppended', 'admin, auditor'));
}

const administrator = roles('admin');
const overseer = roles(...OVERSEERS);
const engineer = roles('admin', 'engineer');
const steward = roles('admin', 'steward');
const looksAsSteward = looks('admin', 'steward');
const auditor = roles('admin', 'auditor');
const overseesAccess = roles('admin', 'steward', 'auditor');
const looksAtAccess = looks('admin', 'steward', 'auditor');
const keeper = roles('admin', 'steward', 'engineer');

/**
 * Who may ask what. The shield's fallback is to refuse: a root field that is not named here is open to nobody. Types
 * below a guarded root are open, except where a field has a rule of its own in its resolver.
 */
export function controlRules(openTypes: readonly string[]): RuleTree {
  return {
    Query: {
      me: allow,
      datasets: allow,
      dataset: allow,
      sources: engineer,
      collectors: overseer,
      collector: overseer,
      pipelines: known,
      pipeline: known,
      runs: overseer,
      run: known,
      workers: overseer,
      qualityReports: known,
      auditEntries: looks('admin', 'auditor'),
      auditVerification: auditor,
      grants: looksAtAccess,
      access: explains,
      quarantine: known,
      apiKeys: looksAsSteward,
      accessDiff: looks('admin', 'steward', 'engineer'),
      whoCanSee: looksAtAccess,
      whoSaw: looksAtAccess,
      grantUses: looksAtAccess,
      processingActivities: overseesAccess,
      changeRequests: looksAtAccess,
      tagProposals: steward,
      masterKeys: administrator,
      legalHolds: looksAsSteward,
      consents: steward,
    },
    Mutation: {
      applyManifest: keeper,
      ingest: ingestsInput,
      previewIngest: ingestsInput,
      replayQuarantine: ingestsDataset,
      discardQuarantine: ingestsDataset,
      runPipeline: engineer,
      runCollector: engineer,
      resetCollector: engineer,
      cancelRun: engineer,
      retryRun: engineer,
      redriveRuns: engineer,
      checkQuality: engineer,
      importSource: engineer,
      inferDataset: engineer,
      createApiKey: steward,
      revokeApiKey: steward,
      revokeToken: steward,
      // Grants say who may: the service asks for their decision, and puts a refusal on the record.
      detokenize: allow,
      rotateKeys: administrator,
      retireMasterKey: administrator,
      recordConsent: steward,
      recordConsents: steward,
      withdrawConsent: steward,
      deleteDataset: engineer,
      deletePipeline: engineer,
      deleteCollector: engineer,
      deleteSource: engineer,
      deleteGrant: steward,
      deletePurpose: steward,
      deleteChangePolicy: administrator,
      approveChange: steward,
      refuseChange: steward,
      deleteClassification: steward,
      acceptTagProposal: steward,
      refuseTagProposal: steward,
      exportSubject: steward,
      eraseSubject: steward,
      deleteLegalHold: steward,
    },
    Subscription: {
      datasetChanged: rule<RequestContext>('may watch', async (_parent, args, context) => watches(args, context)),
      runProgress: rule<RequestContext>('may watch the run', async (_parent, args, context) => watchesRun(args, context)),
      auditAppended: rule<RequestContext>('may follow the record', async (_parent, _args, context) => follows(context)),
    },
    ...Object.fromEntries(openTypes.map((name) => [name, allow])),
  };
}
