import { GraphQLObjectType, GraphQLSchema, isEnumType, isInputObjectType, type GraphQLFieldConfigMap, type GraphQLFieldResolver } from 'graphql';
import type { Catalog } from '../../catalog/index.js';
import type { Limits } from '../../config/index.js';
import type { RequestContext } from '../context.js';
import { ENTITIES, subgraphFields } from '../federation/federation-types.js';
import { subgraphSdl } from '../federation/subgraph-sdl.js';
import { Introspections } from './introspections.js';
import { RawJsonScalar } from './raw-json.js';
import { buildDataPlane, type DataPlane } from './types.js';

/** The two schemas of one view. */
export interface ViewSchemas {
  /** The catalog as this view knows it. */
  readonly catalog: Catalog;
  readonly plane: DataPlane;
  /** What clients see, and documents are validated against: typed rows, connections, filters. */
  readonly api: GraphQLSchema;
  /** What runs: the same root fields and arguments, but a dataset's answer is one leaf. */
  readonly execution: GraphQLSchema;
  /** What `api` says of itself. */
  readonly introspections: Introspections;
}

/**
 * Joins the control plane's schema, whose fields are guarded already, and the data plane of a catalog.
 * @throws Error when a dataset's name clashes with one of the control plane's; the catalog refuses such names before.
 */
export function buildSchemas(
  catalog: Catalog,
  control: GraphQLSchema,
  resolve: GraphQLFieldResolver<unknown, RequestContext>,
  limits: Pick<Limits, 'defaultPage'>,
): ViewSchemas {
  const plane = buildDataPlane(catalog, pageInfoOf(control));
  const controlFields = control.getQueryType()?.toConfig().fields ?? {};
  const apiFields: GraphQLFieldConfigMap<unknown, RequestContext> = { ...controlFields };
  const executionFields: GraphQLFieldConfigMap<unknown, RequestContext> = { ...controlFields };
  for (const [name, { config }] of plane.roots) {
    if (controlFields[name]) throw new Error(`the dataset root ${name} is a field of the control plane`);
    apiFields[name] = config;
    executionFields[name] = { type: RawJsonScalar, ...(config.args && { args: config.args }), resolve };
  }
  let sdl: string | undefined;
  const federation = subgraphFields({
    entities: [...plane.entities.values()].map(({ row }) => row),
    sdl: () => (sdl ??= subgraphSdl(plane, limits)),
    resolve,
  });
  Object.assign(apiFields, federation);
  const entities = federation[ENTITIES];
  Object.assign(executionFields, federation, entities && { [ENTITIES]: { ...entities, type: RawJsonScalar } });
  const rest = { mutation: control.getMutationType() ?? null, directives: control.getDirectives() };
  const subscription = control.getSubscriptionType() ?? null;
  const query = (fields: GraphQLFieldConfigMap<unknown, RequestContext>) =>
    new GraphQLObjectType<unknown, RequestContext>({ name: 'Query', description: control.getQueryType()?.description ?? null, fields });
  const api = new GraphQLSchema({ ...rest, query: query(apiFields), subscription: withChanges(subscription, plane) });
  // Arguments below a dataset's root take variables too, and their types lead there from no root field.
  const types = Object.values(api.getTypeMap()).filter((type) => isInputObjectType(type) || isEnumType(type));
  return {
    catalog,
    plane,
    api,
    introspections: new Introspections(api),
    // The server checks the API schema, and this one has the same fields and arguments.
    // The events of datasets do not come by way of a schema.
    execution: new GraphQLSchema({ ...rest, types, query: query(executionFields), subscription, assumeValid: true }),
  };
}

/** The type that both planes share. */
export function pageInfoOf(control: GraphQLSchema): GraphQLObjectType {
  const pageInfo = control.getType('PageInfo');
  if (!(pageInfo instanceof GraphQLObjectType)) throw new Error('the control plane has no PageInfo');
  return pageInfo;
}

function withChanges(control: GraphQLObjectType | null, plane: DataPlane): GraphQLObjectType | null {
  const fields: GraphQLFieldConfigMap<unknown, unknown> = { ...control?.toConfig().fields };
  for (const [name, { config }] of plane.changes) {
    if (fields[name]) throw new Error(`the subscription ${name} is a field of the control plane`);
    fields[name] = config;
  }
  if (Object.keys(fields).length === 0) return null;
  return new GraphQLObjectType({ name: 'Subscription', description: control?.description ?? null, fields });
}
