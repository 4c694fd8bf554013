import { Kind, type DocumentNode, type FieldNode, type FragmentDefinitionNode, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';
import type { Limits } from '../../config/index.js';
import { LruMap, sha256 } from '../../kernel/index.js';
import { ENTITIES } from '../federation/federation-types.js';
import type { ViewSchemas } from './schemas.js';
import { Template } from './template.js';

/** An operation that was parsed and validated against this view, and asks for nothing but datasets. */
export interface KnownOperation {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** The root fields, where each has a template; then the operation need not be walked again. */
  readonly roots: readonly KnownRoot[] | undefined;
  /** SHA-256 of the text, hex. */
  readonly hash: string;
}

export interface KnownRoot {
  /** In the response. */
  readonly key: string;
  readonly node: FieldNode;
  readonly template: Template;
}

/** What is kept of a document takes some twenty times the room of its text: this many of the longest take about 80 MB. */
const KEPT = 500;
const LONGEST_KEPT = 8_192;

/**
 * What this view has seen and found good. A view is of one version of the catalog and of those who may know the same
 * names, and whether a document is valid depends on nothing else: so it need not be asked again. What a principal may
 * see is decided at every run, as ever.
 */
export class KnownOperations {
  readonly #schemas: ViewSchemas;
  readonly #limits: Limits;
  #templates = 0;
  readonly #operations = new LruMap<string, KnownOperation>(KEPT);

  constructor(schemas: ViewSchemas, limits: Limits) {
    this.#schemas = schemas;
    this.#limits = limits;
  }

  get(text: string, operationName: string | undefined): KnownOperation | undefined {
    return this.#operations.get(keyOf(text, operationName));
  }

  /** Call it for what passed validation. */
  note(text: string, operationName: string | undefined, document: DocumentNode, operation: OperationDefinitionNode): void {
    if (text.length > LONGEST_KEPT || operation.operation !== 'query') return;
    const fragments = Object.create(null) as Record<string, FragmentDefinitionNode>;
    for (const definition of document.definitions) if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
    if (!this.#isOfDatasets(operation.selectionSet, fragments)) return;
    this.#operations.set(keyOf(text, operationName), { document, operation, roots: this.#rootsOf(operation), hash: sha256(text) });
  }

  #isOfDatasets(set: SelectionSetNode, fragments: Readonly<Record<string, FragmentDefinitionNode>>): boolean {
    // A fragment is looked at once, however often it is spread: fragments of fragments would double the work with each.
    const seen = new Set<string>();
    const isOf = (inner: SelectionSetNode): boolean =>
      inner.selections.every((selection) => {
        if (selection.kind === Kind.FIELD) return this.#schemas.plane.roots.has(selection.name.value) || selection.name.value === ENTITIES;
        if (selection.kind === Kind.INLINE_FRAGMENT) return isOf(selection.selectionSet);
        if (seen.has(selection.name.value)) return true;
        seen.add(selection.name.value);
        const fragment = fragments[selection.name.value];
        return fragment !== undefined && isOf(fragment.selectionSet);
      });
    return isOf(set);
  }

  /** Undefined when a root field stands twice, depends on a directive or a fragment, or has no template. */
  #rootsOf({ selectionSet }: OperationDefinitionNode): readonly KnownRoot[] | undefined {
    const { plane, execution } = this.#schemas;
    const definitions = execution.getQueryType()?.getFields() ?? {};
    const roots = new Map<string, KnownRoot>();
    for (const node of selectionSet.selections) {
      if (node.kind !== Kind.FIELD || node.directives?.length) return undefined;
      const key = node.alias?.value ?? node.name.value;
      const [root, definition] = [plane.roots.get(node.name.value), definitions[node.name.value]];
      const template = root && definition && Template.of(root, definition, node, { id: `template ${++this.#templates}`, plane, limits: this.#limits });
      if (!template || roots.has(key)) return undefined;
      roots.set(key, { key, node, template });
    }
    return [...roots.values()];
  }
}

/** No document that is valid holds a NUL. */
function keyOf(text: string, operationName: string | undefined): string {
  return operationName === undefined ? text : `${operationName}\0${text}`;
}
