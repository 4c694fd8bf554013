import { createRequire } from 'node:module';
import { isObjectType, type GraphQLSchema } from 'graphql';

/**
 * graphql-shield 7.6.5, from its CommonJS build: the ES module build calls util.isUndefined, which Node 23 took away.
 * The CommonJS build works as long as `chain` and `race` are not used, so they are not offered here. Rules are made
 * without cache: its `contextual` and `strict` caches hand the decision on the first root field to others in the same
 * request.
 */
const require = createRequire(import.meta.url);
const library = require('graphql-shield') as typeof import('graphql-shield', { with: { 'resolution-mode': 'require' } });
const { applyMiddleware } = require('graphql-middleware') as typeof import('graphql-middleware', { with: { 'resolution-mode': 'require' } });

export const { allow, deny, and, or, not } = library;
export type ShieldRule = ReturnType<typeof library.and> | ReturnType<ReturnType<typeof library.rule>>;
export type RuleTree = Readonly<Record<string, ShieldRule | Readonly<Record<string, ShieldRule>>>>;

/** A check before a field's resolver: true lets it pass, an error is the answer. */
export type Check<Context> = (
  parent: unknown,
  args: Record<string, unknown>,
  context: Context,
  info: import('graphql').GraphQLResolveInfo,
) => Promise<true | Error>;

export function rule<Context>(name: string, check: Check<Context>): ShieldRule {
  return library.rule(name, { cache: 'no_cache' })(check as never);
}

/**
 * Puts the rules before the resolvers of a schema. What no rule names is refused. Errors of resolvers pass
 * (`allowExternalErrors`), or a database that is down would read "Not Authorised". The library guards a copy of the
 * schema; its resolvers are taken back to the schema itself, whose types the data plane shares (one BigInt for both).
 */
export function shielded(schema: GraphQLSchema, rules: RuleTree, fallbackError: Error): GraphQLSchema {
  const shield = library.shield(rules as never, { fallbackRule: deny, fallbackError, allowExternalErrors: true });
  const guarded = applyMiddleware(schema, shield) as GraphQLSchema;
  for (const type of Object.values(schema.getTypeMap())) {
    const twin = guarded.getType(type.name);
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    if (!isObjectType(twin)) throw new Error(`the guarded schema lost ${type.name}`);
    const fields = twin.getFields();
    for (const [name, field] of Object.entries(type.getFields())) {
      const resolve = fields[name]?.resolve;
      if (!resolve) throw new Error(`${type.name}.${name} has no guard`);
      field.resolve = resolve;
    }
  }
  return schema;
}
