import { isObjectType, type GraphQLSchema } from 'graphql';
import { buildSchemaSync } from 'type-graphql';
import { HeadgateError } from '../../kernel/index.js';
import { shielded } from '../shield.js';
import { AccessResolver } from './resolvers/access.resolver.js';
import { ApiKeyResolver } from './resolvers/api-key.resolver.js';
import { AuditResolver } from './resolvers/audit.resolver.js';
import { DatasetRelationResolver, DatasetResolver } from './resolvers/dataset.resolver.js';
import { ManifestResolver } from './resolvers/manifest.resolver.js';
import { MeResolver } from './resolvers/me.resolver.js';
import { PipelineResolver } from './resolvers/pipeline.resolver.js';
import { QualityResolver } from './resolvers/quality.resolver.js';
import { QuarantineResolver } from './resolvers/quarantine.resolver.js';
import { RunResolver } from './resolvers/run.resolver.js';
import { SourceResolver } from './resolvers/source.resolver.js';
import { controlRules } from './rules.js';

/** The control plane without its guards: for printing only. */
export function bareControlSchema(): GraphQLSchema {
  return buildSchemaSync({
    resolvers: [
      AccessResolver,
      ApiKeyResolver,
      AuditResolver,
      DatasetResolver,
      DatasetRelationResolver,
      ManifestResolver,
      MeResolver,
      PipelineResolver,
      QualityResolver,
      QuarantineResolver,
      RunResolver,
      SourceResolver,
    ],
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
