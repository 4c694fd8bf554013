import { HeaderMap } from '@apollo/server';
import {
  execute,
  getVariableValues,
  GraphQLError,
  Kind,
  locatedError,
  type DocumentNode,
  type ExecutionResult,
  type FieldNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
} from 'graphql';
import { HeadgateError, isHeadgateError } from '../../kernel/index.js';
import type { RequestContext } from '../context.js';
import { collectFields } from './collect.js';
import type { SchemaQuestion } from './introspections.js';
import type { KnownOperation, KnownRoot } from './known-operations.js';
import type { ViewSchemas } from './schemas.js';
import { holdsTooMany, MOST_LEVELS, MOST_VALUES } from './variable-size.js';

export interface Operation {
  readonly document: DocumentNode;
  /** Undefined when the name that was asked for is not in the document, or no name and several operations are. */
  readonly operation: OperationDefinitionNode | undefined;
  readonly operationName: string | null;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly context: RequestContext;
}

/**
 * Runs an operation on the execution schema; what it asks of introspection is answered from the API schema, which is
 * the one that the client knows. Refused fields join the errors, masked ones the extensions.
 */
export async function executeOperation(schemas: ViewSchemas, { document, operation, operationName, variables, context }: Operation): Promise<ExecutionResult> {
  if (!operation) {
    const message = 'The document has no operation of the name that was asked for, or has several and none was named. Give operationName.';
    return { errors: [new GraphQLError(message, { extensions: { http: { status: 400 } } })] };
  }
  if (operation.operation === 'subscription') {
    const message = 'Subscriptions come over a WebSocket at this path, with the protocol graphql-transport-ws.';
    return { errors: [new GraphQLError(message, { extensions: { http: { status: 400 } } })] };
  }
  const run = async (part: DocumentNode): Promise<ExecutionResult> =>
    execute({ schema: schemas.execution, document: part, contextValue: context, variableValues: variables, operationName });
  if (holdsTooMany(variables)) return { errors: [tooManyValues()] };
  const split = splitIntrospection(document, operation, variables);
  if (split) {
    const refused = await introspectionRefused(context);
    if (refused) return { errors: [refused] };
  }
  const parts = split ? [await run(split.rest), await schemas.introspections.answer({ ...split.introspection, variables })] : [await run(document)];
  const results = parts.filter((part): part is ExecutionResult => part !== undefined);
  const data = results.some((result) => result.data === null || result.data === undefined)
    ? results[0]?.data
    : // Without a prototype, as graphql-js makes it: `__proto__` is an alias like any other.
      Object.assign(Object.create(null), ...results.map((result) => result.data));
  const whole = isWhole(data, context) ? data : null;
  const answer = split && whole ? inOrder(whole as Record<string, unknown>, split.keys) : whole;
  return answerOf(answer, [...results.flatMap((result) => result.errors ?? []), ...context.reads.errors], context);
}

function tooManyValues(): GraphQLError {
  const originalError = new HeadgateError(
    'QUERY_TOO_COMPLEX',
    `The variables hold more than ${MOST_VALUES} values, or more than ${MOST_LEVELS} levels of them. Split the query.`,
    { limit: MOST_VALUES },
  );
  return new GraphQLError(originalError.message, { originalError, extensions: { http: { status: 400 } } });
}

/** The schema is dear to tell, so questions about it have a limit of their own: over it nothing of the operation is run. */
async function introspectionRefused(context: RequestContext): Promise<GraphQLError | undefined> {
  try {
    await context.admitIntrospection();
    return undefined;
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    const headers = new HeaderMap();
    const { retryAfter } = error.details;
    if (typeof retryAfter === 'number') headers.set('retry-after', String(retryAfter));
    return new GraphQLError(error.message, { originalError: error, extensions: { http: { status: error.status, headers } } });
  }
}

/**
 * `_entities` is never null in the API schema. It is where it runs: otherwise the first that is refused would end the
 * operation, and what came of the other roots would depend on which was faster.
 */
function isWhole(data: ExecutionResult['data'], { reads: { entityRoots } }: RequestContext): boolean {
  return !data || !Object.entries(data).some(([key, value]) => value === null && entityRoots.has(key));
}

/** The answer to an event of a subscription of the control plane: its field, with the event as its parent, behind its guard. */
export async function executeEvent(
  { execution: schema }: ViewSchemas,
  { document, operationName, variables, context }: Omit<Operation, 'operation'>,
  rootValue: object,
): Promise<ExecutionResult> {
  return execute({ schema, document, rootValue, contextValue: context, variableValues: variables, operationName });
}

/**
 * Runs an operation whose root fields have templates: each goes to its guarded resolver, as graphql-js would do, but
 * without a walk through the document and its arguments. Undefined when the variables are not all there and good.
 */
export async function executeKnown(
  schemas: ViewSchemas,
  { operation, roots }: KnownOperation & { readonly roots: readonly KnownRoot[] },
  variables: Readonly<Record<string, unknown>>,
  context: RequestContext,
): Promise<ExecutionResult | undefined> {
  if (holdsTooMany(variables)) return undefined;
  const schema = schemas.execution;
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  const query = schema.getQueryType();
  if (!coerced || !query) return undefined;
  for (const { key, template } of roots) {
    const values = template.values(coerced);
    if (!values) return undefined;
    context.reads.expect(key, template, values);
  }
  const fields = query.getFields();
  const errors: GraphQLError[] = [];
  const read = async ({ key, node }: KnownRoot): Promise<unknown> => {
    const path = { prev: undefined, key, typename: query.name };
    const field = fields[node.name.value];
    try {
      if (!field?.resolve) throw new Error(`${node.name.value} has no resolver`);
      const info = {
        fieldName: field.name,
        fieldNodes: [node],
        returnType: field.type,
        parentType: query,
        path,
        schema,
        fragments: {},
        rootValue: undefined,
        operation,
      };
      const value: unknown = await field.resolve(undefined, {}, context, { ...info, variableValues: coerced });
      if (value instanceof Error) throw value;
      return value;
    } catch (error) {
      errors.push(locatedError(error, [node], [key]));
      return null;
    }
  };
  const values = await Promise.all(roots.map(read));
  const data = Object.create(null) as Record<string, unknown>;
  roots.forEach(({ key }, i) => (data[key] = values[i]));
  return answerOf(data, [...errors, ...context.reads.errors], context);
}

/** Refused fields join the errors, masked ones the extensions. */
function answerOf(data: ExecutionResult['data'], errors: readonly GraphQLError[], { reads: { masked } }: RequestContext): ExecutionResult {
  return {
    ...(data !== undefined && { data }),
    ...(errors.length > 0 && { errors: inOrderOfRoots(errors, Object.keys(data ?? {})) }),
    ...(masked.length > 0 && { extensions: { governance: { masked } } }),
  };
}

interface Split {
  readonly introspection: Pick<SchemaQuestion, 'document' | 'operation'>;
  readonly rest: DocumentNode;
  /** The response keys in the document's order. */
  readonly keys: readonly string[];
}

/** Undefined for the many documents that ask nothing of introspection. */
function splitIntrospection(document: DocumentNode, operation: OperationDefinitionNode, variables: Readonly<Record<string, unknown>>): Split | undefined {
  if (operation.operation !== 'query') return undefined;
  const fragments = Object.create(null) as Record<string, FragmentDefinitionNode>;
  for (const definition of document.definitions) if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
  if (!mentions(operation, fragments)) return undefined;
  const fields = collectFields('Query', [operation.selectionSet], { fragments, variables });
  const nodes = [...fields.values()].flat();
  const part = (selections: readonly FieldNode[]) => {
    const own = { ...operation, selectionSet: { ...operation.selectionSet, selections } };
    return { operation: own, document: { ...document, definitions: document.definitions.map((definition) => (definition === operation ? own : definition)) } };
  };
  return {
    introspection: part(nodes.filter(isIntrospection)),
    rest: part(nodes.filter((node) => !isIntrospection(node))).document,
    keys: [...fields.keys()],
  };
}

function isIntrospection(node: FieldNode): boolean {
  return node.name.value === '__schema' || node.name.value === '__type';
}

function mentions(operation: OperationDefinitionNode, fragments: Readonly<Record<string, FragmentDefinitionNode>>): boolean {
  const sets = [
    operation.selectionSet,
    ...Object.values(fragments)
      .filter(({ typeCondition }) => typeCondition.name.value === 'Query')
      .map(({ selectionSet }) => selectionSet),
  ];
  const pending = [...sets];
  for (let set = pending.pop(); set; set = pending.pop()) {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        if (isIntrospection(selection)) return true;
      } else if (selection.kind === Kind.INLINE_FRAGMENT) pending.push(selection.selectionSet);
    }
  }
  return false;
}

/** Roots are read side by side: without it, the order of errors would tell which was faster. */
function inOrderOfRoots(errors: readonly GraphQLError[], keys: readonly string[]): GraphQLError[] {
  const place = ({ path }: GraphQLError): number => keys.indexOf(String(path?.[0]));
  return errors.toSorted((a, b) => place(a) - place(b));
}

function inOrder(data: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => key in data).map((key) => [key, data[key]]));
}
