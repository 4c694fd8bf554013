import {
  getArgumentValues,
  getOperationAST,
  getVariableValues,
  GraphQLError,
  Kind,
  parse,
  specifiedRules,
  validate,
  type DocumentNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type ValidationRule,
} from 'graphql';
import { price, type ReadSelection } from '../../access/index.js';
import type { Dataset } from '../../catalog/index.js';
import type { Limits } from '../../config/index.js';
import { HeadgateError, LruMap, type ErrorCode } from '../../kernel/index.js';
import { collectFields } from './collect.js';
import type { RequestShape } from './request-shape.js';
import type { ViewSchemas } from './schemas.js';
import { selectChanges } from './select.js';

/** A subscription to the rows of a dataset, ready to be decided on and read at each event. */
export interface DatasetSubscription {
  readonly kind: 'dataset';
  /** In the response. */
  readonly key: string;
  readonly dataset: Dataset;
  readonly selection: ReadSelection;
  readonly shape: RequestShape;
  /** The slots of the versions between which an event is. */
  readonly after: number;
  readonly upTo: number;
  readonly price: number;
}

/** A subscription of the control plane: each event is an execution of its document. */
export interface ControlSubscription {
  readonly kind: 'control';
  readonly field: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly document: DocumentNode;
}

export type LiveOperation = DatasetSubscription | ControlSubscription;

/** A request for a subscription, as it came. */
export interface LiveRequest {
  readonly query: string;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** As of known operations: this many, and none that is longer. */
const KEPT = 500;
const LONGEST_KEPT = 8_192;

type Refused = readonly GraphQLError[];
type Checked = { readonly document: DocumentNode; readonly operation: OperationDefinitionNode };

/**
 * The subscriptions of one view: parsed, validated under the same bounds as every document, and taken apart. Those who
 * ask for the same share it.
 */
export class LiveOperations {
  readonly #schemas: ViewSchemas;
  readonly #limits: Limits;
  readonly #rules: readonly ValidationRule[];
  readonly #kept = new LruMap<string, LiveOperation>(KEPT);
  /** Documents found good: most differ in their variables alone. */
  readonly #checked = new LruMap<string, Checked>(KEPT);

  constructor(schemas: ViewSchemas, limits: Limits, rules: readonly ValidationRule[]) {
    this.#schemas = schemas;
    this.#limits = limits;
    this.#rules = [...specifiedRules, ...rules];
  }

  /**
   * The operation, or the errors of its document or variables, each with a code as the server would give it.
   * @throws HeadgateError BAD_USER_INPUT, QUERY_TOO_COMPLEX for arguments that are not good.
   */
  open(request: LiveRequest): LiveOperation | Refused {
    const key = JSON.stringify([request.query, request.operationName, request.variables]);
    const kept = this.#kept.get(key);
    if (kept) return kept;
    const text = JSON.stringify([request.query, request.operationName]);
    const checked = this.#checked.get(text) ?? this.#check(request);
    if ('length' in checked) return checked;
    if (text.length <= LONGEST_KEPT) this.#checked.set(text, checked);
    const operation = this.#takeApart(checked, request.variables);
    if (!('length' in operation) && key.length <= LONGEST_KEPT) this.#kept.set(key, operation);
    return operation;
  }

  #check({ query, operationName }: LiveRequest): Checked | Refused {
    let document: DocumentNode;
    try {
      document = parse(query, { maxTokens: this.#limits.maxTokens });
    } catch (error) {
      if (error instanceof GraphQLError) return [withCode(error, 'GRAPHQL_VALIDATION_FAILED')];
      throw error;
    }
    const faults = this.#validate(document);
    if (faults.length > 0) return faults.map((fault) => withCode(fault, 'GRAPHQL_VALIDATION_FAILED'));
    const operation = getOperationAST(document, operationName);
    if (!operation) {
      const message = 'The document has no operation of the name that was asked for, or has several and none was named. Give operationName.';
      return [withCode(new GraphQLError(message), 'BAD_USER_INPUT')];
    }
    if (operation.operation === 'subscription') return { document, operation };
    const message = `Over a WebSocket come subscriptions only; send a ${operation.operation} with POST to the same path.`;
    return [withCode(new GraphQLError(message), 'BAD_USER_INPUT')];
  }

  #validate(document: DocumentNode): readonly GraphQLError[] {
    try {
      return validate(this.#schemas.api, document, this.#rules, { hideSuggestions: true });
    } catch (error) {
      // The rule of one root field collects it without the variables, and a directive can miss one.
      if (error instanceof GraphQLError) return [error];
      throw error;
    }
  }

  #takeApart({ document, operation }: Checked, given: Readonly<Record<string, unknown>>): LiveOperation | Refused {
    const { api, plane } = this.#schemas;
    const { coerced: variables, errors } = getVariableValues(api, operation.variableDefinitions ?? [], given, { maxErrors: 50, hideSuggestions: true });
    if (!variables) return errors.map((error) => withCode(error, 'BAD_USER_INPUT'));
    const fragments = Object.create(null) as Record<string, FragmentDefinitionNode>;
    for (const definition of document.definitions) if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
    try {
      const [root, ...others] = collectFields('Subscription', [operation.selectionSet], { fragments, variables });
      const [key, nodes = []] = root ?? [''];
      const [node] = nodes;
      const definition = node && api.getSubscriptionType()?.getFields()[node.name.value];
      if (!definition || others.length > 0) throw new HeadgateError('BAD_USER_INPUT', 'A subscription has one root field, and asks for it always.');
      const args = getArgumentValues(definition, node, variables);
      const changes = plane.changes.get(definition.name);
      if (!changes) return { kind: 'control', field: definition.name, args, document };
      const selected = selectChanges(changes, nodes, args, plane, { fragments, variables }, this.#limits);
      return { kind: 'dataset', key, dataset: changes.dataset, ...selected, price: price(selected.selection) };
    } catch (error) {
      if (error instanceof GraphQLError) return [withCode(error, 'BAD_USER_INPUT')];
      throw error;
    }
  }
}

/** The error with the code that the server gives to its kind. */
function withCode({ message, nodes, source, positions, originalError }: GraphQLError, code: ErrorCode): GraphQLError {
  return new GraphQLError(message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    originalError: originalError ?? null,
    extensions: { code },
  });
}
