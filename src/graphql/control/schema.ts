import { isObjectType, type GraphQLSchema } from 'graphql';
import { buildSchemaSync, type MiddlewareFn, type PubSub } from 'type-graphql';
import { HeadgateError } from '../../kernel/index.js';
import { shielded } from '../shield.js';
import { AccessResolver } from './resolvers/access.resolver.js';
import { ApiKeyResolver } from './resolvers/api-key.resolver.js';
import { AuditResolver } from './resolvers/audit.resolver.js';
import { ChangeRequestResolver } from './resolvers/change-request.resolver.js';
import { CollectorPartitionResolver, CollectorResolver } from './resolvers/collector.resolver.js';
import { ConsentResolver } from './resolvers/consent.resolver.js';
import { DatasetChangeResolver } from './resolvers/dataset-change.resolver.js';
import { DatasetRelationResolver, DatasetResolver } from './resolvers/dataset.resolver.js';
import { DetokenizeResolver } from './resolvers/detokenize.resolver.js';
import { KeyResolver } from './resolvers/key.resolver.js';
import { ManifestResolver } from './resolvers/manifest.resolver.js';
import { MeResolver } from './resolvers/me.resolver.js';
import { PipelineResolver } from './resolvers/pipeline.resolver.js';
import { QualityResolver } from './resolvers/quality.resolver.js';
import { QuarantineOfDatasetResolver, QuarantineOfRunResolver, QuarantineResolver } from './resolvers/quarantine.resolver.js';
import { ReviewResolver } from './resolvers/review.resolver.js';
import { RunResolver } from './resolvers/run.resolver.js';
import { SourceResolver } from './resolvers/source.resolver.js';
import { TagProposalResolver } from './resolvers/tag-proposal.resolver.js';
import { SubjectResolver } from './resolvers/subject.resolver.js';
import { WorkerResolver } from './resolvers/worker.resolver.js';
import { controlRules } from './rules.js';

/** The builder asks for one. Our events come by notifications, and are executed one by one. */
const NOBODY_PUBLISHES: PubSub = {
  publish: () => undefined,
  subscribe: () => {
    throw new Error('nobody subscribes by way of the schema');
  },
};

/** An argument that is null is one that was left out: resolvers meet one kind of nothing. */
const withoutNulls: MiddlewareFn = ({ args }, next) => {
  for (const [name, value] of Object.entries(args)) if (value === null) Reflect.deleteProperty(args, name);
  return next();
};

/** The control plane without its guards: for printing only. */
export function bareControlSchema(): GraphQLSchema {
  return buildSchemaSync({
    resolvers: [
      AccessResolver,
      ApiKeyResolver,
      AuditResolver,
      ChangeRequestResolver,
      CollectorResolver,
      CollectorPartitionResolver,
      ConsentResolver,
      DatasetResolver,
      DatasetChangeResolver,
      DatasetRelationResolver,
      DetokenizeResolver,
      KeyResolver,
      ManifestResolver,
      MeResolver,
      PipelineResolver,
      QualityResolver,
      QuarantineResolver,
      QuarantineOfDatasetResolver,
      QuarantineOfRunResolver,
      ReviewResolver,
      RunResolver,
      SourceResolver,
      TagProposalResolver,
      SubjectResolver,
      WorkerResolver,
    ],
    pubSub: NOBODY_PUBLISHES,
    globalMiddlewares: [withoutNulls],
    // Inputs are checked by their scalars and by the services.
    validate: false,
  });
}

/** The control plane, guarded field by field. It is the same in every view, so it is built and shielded once. */
export function buildControlSchema(): GraphQLSchema {
  const schema = bareControlSchema();
  const roots = new Set(['Query', 'Mutation', 'Subscription']);
  const open = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !type.name.startsWith('__') && !roots.has(type.name));
  return shielded(schema, controlRules(open.map((type) => type.name)), new HeadgateError('FORBIDDEN', 'This field is open to nobody.'));
}
