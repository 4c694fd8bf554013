import { setImmediate as turn } from 'node:timers/promises';
import {
  execute,
  Kind,
  print,
  type DocumentNode,
  type ExecutionResult,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionNode,
} from 'graphql';
import { LruMap } from '../../kernel/index.js';
import { collectFields, type DocumentContext } from './collect.js';
import { RawJson } from './raw-json.js';

/** What asks for the schema, and nothing else. */
export interface SchemaQuestion {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Answers that are kept: tools ask in a few ways, again and again. */
const KEPT = 8;
/** Characters of all of them together; a schema of a thousand datasets has some fifty million. */
const MOST_KEPT = 64 * 1024 * 1024;
/** Characters of a question whose answer is kept. */
const LONGEST_QUESTION = 32_768;
/** Milliseconds after which others get a turn. */
const SLICE_MS = 10;

/**
 * What a view's schema says of itself. The schema does not change, so neither do the answers: they are kept, as text. To
 * write one of a large schema takes seconds, so it is written type by type, and other requests go on meanwhile.
 */
export class Introspections {
  readonly #schema: GraphQLSchema;
  readonly #kept = new LruMap<string, Promise<ExecutionResult>>(KEPT);
  #characters = 0;

  /** @param schema the one that clients know */
  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** As graphql-js answers it, with texts in the place of large values. */
  async answer(question: SchemaQuestion): Promise<ExecutionResult> {
    const key = `${print(question.document)}\0${question.operation.name?.value ?? ''}\0${JSON.stringify(question.variables)}`;
    if (key.length > LONGEST_QUESTION) return await this.#write(question);
    // Those who ask at the same time share one answer.
    const kept = this.#kept.get(key);
    if (kept) return await kept;
    const writing = this.#write(question);
    this.#kept.set(key, writing);
    try {
      const result = await writing;
      this.#account(key, writing, result);
      return result;
    } catch (error) {
      this.#kept.delete(key);
      throw error;
    }
  }

  #account(key: string, writing: Promise<ExecutionResult>, { data, errors }: ExecutionResult): void {
    const characters = Object.values(data ?? {}).reduce<number>((sum, value) => sum + (value instanceof RawJson ? value.text.length : 0), 0);
    if (errors || characters > MOST_KEPT) return this.#kept.delete(key);
    this.#characters += characters;
    if (this.#characters <= MOST_KEPT) return;
    this.#kept.clear();
    this.#kept.set(key, writing);
    this.#characters = characters;
  }

  async #write(question: SchemaQuestion): Promise<ExecutionResult> {
    const { document, operation, variables } = question;
    const context: DocumentContext = { fragments: fragmentsOf(document), variables };
    const data = Object.create(null) as Record<string, unknown>;
    for (const [key, nodes] of collectFields('Query', [operation.selectionSet], context)) {
      const text = nodes[0]?.name.value === '__schema' ? await this.#schemaText(nodes, context, question) : this.#text(nodes, question);
      // Variables that do not fit, and what else can be wrong: graphql-js says so in its words.
      if (text === undefined) return await this.#execute(operation.selectionSet.selections, question);
      data[key] = new RawJson(text);
    }
    return { data };
  }

  /** `__schema` as JSON, its types one after the other. */
  async #schemaText(nodes: readonly FieldNode[], context: DocumentContext, question: SchemaQuestion): Promise<string | undefined> {
    const sets = nodes.map((node) => node.selectionSet);
    const members: string[] = [];
    for (const [key, inner] of collectFields('__Schema', sets, context)) {
      const value = inner[0]?.name.value === 'types' ? await this.#typesText(inner, question) : this.#memberText(key, inner, question);
      if (value === undefined) return undefined;
      members.push(`${JSON.stringify(key)}:${value}`);
    }
    return `{${members.join(',')}}`;
  }

  async #typesText(nodes: readonly FieldNode[], question: SchemaQuestion): Promise<string | undefined> {
    const selections = nodes.flatMap((node) => node.selectionSet?.selections ?? []);
    let text = '';
    let since = performance.now();
    for (const name of Object.keys(this.#schema.getTypeMap())) {
      const one = this.#text([typeField(name, selections)], question);
      if (one === undefined) return undefined;
      text += `${text === '' ? '' : ','}${one}`;
      if (performance.now() - since < SLICE_MS) continue;
      await turn();
      since = performance.now();
    }
    return `[${text}]`;
  }

  #memberText(key: string, nodes: readonly FieldNode[], question: SchemaQuestion): string | undefined {
    const { data, errors } = this.#executeNow([field('__schema', nodes)], question);
    return errors || !data ? undefined : JSON.stringify((data['__schema'] as Record<string, unknown>)[key]);
  }

  /** The JSON of one root field. */
  #text(nodes: readonly FieldNode[], question: SchemaQuestion): string | undefined {
    const { data, errors } = this.#executeNow(nodes, question);
    return errors || !data ? undefined : JSON.stringify(Object.values(data)[0]);
  }

  async #execute(selections: readonly SelectionNode[], question: SchemaQuestion): Promise<ExecutionResult> {
    return this.#executeNow(selections, question);
  }

  /** Resolvers of the schema about itself have nothing to wait for. */
  #executeNow(selections: readonly SelectionNode[], { document, operation, variables }: SchemaQuestion): ExecutionResult {
    const part: OperationDefinitionNode = { ...operation, selectionSet: { kind: Kind.SELECTION_SET, selections } };
    const fragments = document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
    const result = execute({ schema: this.#schema, document: { kind: Kind.DOCUMENT, definitions: [part, ...fragments] }, variableValues: variables });
    if (result instanceof Promise) throw new Error('a question about the schema had to wait');
    return result as ExecutionResult;
  }
}

function fragmentsOf(document: DocumentNode): Readonly<Record<string, FragmentDefinitionNode>> {
  const fragments = Object.create(null) as Record<string, FragmentDefinitionNode>;
  for (const definition of document.definitions) if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
  return fragments;
}

function typeField(name: string, selections: readonly SelectionNode[]): FieldNode {
  const value = { kind: Kind.STRING, value: name } as const;
  return { ...field('__type', selections), arguments: [{ kind: Kind.ARGUMENT, name: { kind: Kind.NAME, value: 'name' }, value }] };
}

function field(name: string, selections: readonly SelectionNode[]): FieldNode {
  return { kind: Kind.FIELD, name: { kind: Kind.NAME, value: name }, selectionSet: { kind: Kind.SELECTION_SET, selections } };
}
