import { GraphQLObjectType, GraphQLSchema, isEnumType, isInputObjectType, type GraphQLFieldConfigMap, type GraphQLFieldResolver } from 'graphql';
import type { Catalog } from '../../catalog/index.js';
import type { RequestContext } from '../context.js';
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
}

/**
 * Joins the control plane's schema, whose fields are guarded already, and the data plane of a catalog.
 * @throws Error when a dataset's name clashes with one of the control plane's; the catalog refuses such names before.
 */
export function buildSchemas(catalog: Catalog, control: GraphQLSchema, resolve: GraphQLFieldResolver<unknown, RequestContext>): ViewSchemas {
  const pageInfo = control.getType('PageInfo');
  if (!(pageInfo instanceof GraphQLObjectType)) throw new Error('the control plane has no PageInfo');
  const plane = buildDataPlane(catalog, pageInfo);
  const controlFields = control.getQueryType()?.toConfig().fields ?? {};
  const apiFields: GraphQLFieldConfigMap<unknown, RequestContext> = { ...controlFields };
  const executionFields: GraphQLFieldConfigMap<unknown, RequestContext> = { ...controlFields };
  for (const [name, { config }] of plane.roots) {
    if (controlFields[name]) throw new Error(`the dataset root ${name} is a field of the control plane`);
    apiFields[name] = config;
    executionFields[name] = { type: RawJsonScalar, ...(config.args && { args: config.args }), resolve };
  }
  const rest = { mutation: control.getMutationType() ?? null, subscription: control.getSubscriptionType() ?? null, directives: control.getDirectives() };
  const query = (fields: GraphQLFieldConfigMap<unknown, RequestContext>) =>
    new GraphQLObjectType<unknown, RequestContext>({ name: 'Query', description: control.getQueryType()?.description ?? null, fields });
  const api = new GraphQLSchema({ ...rest, query: query(apiFields) });
  // Arguments below a dataset's root take variables too, and their types lead there from no root field.
  const types = Object.values(api.getTypeMap()).filter((type) => isInputObjectType(type) || isEnumType(type));
  return { catalog, plane, api, execution: new GraphQLSchema({ ...rest, types, query: query(executionFields) }) };
}
