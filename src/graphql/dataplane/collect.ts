import {
  getDirectiveValues,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  Kind,
  type FieldNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { ENTITY } from '../federation/federation-types.js';

export interface DocumentContext {
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * The fields of an object by response key, as graphql-js collects them: fragments opened, @skip and @include applied,
 * fields under one key together. The one abstract type is the union of all entities: a fragment on it is valid only where
 * it applies. Any other applies to its own type only.
 */
export function collectFields(
  typeName: string,
  sets: readonly (SelectionSetNode | undefined)[],
  document: DocumentContext,
): ReadonlyMap<string, readonly FieldNode[]> {
  const fields = new Map<string, FieldNode[]>();
  const seen = new Set<string>();
  for (const set of sets) if (set) collect(typeName, set, document, fields, seen);
  return fields;
}

function collect(typeName: string, set: SelectionSetNode, document: DocumentContext, fields: Map<string, FieldNode[]>, seen: Set<string>): void {
  for (const selection of set.selections) {
    if (!isIncluded(selection, document)) continue;
    if (selection.kind === Kind.FIELD) {
      const key = selection.alias?.value ?? selection.name.value;
      const nodes = fields.get(key);
      if (nodes) nodes.push(selection);
      else fields.set(key, [selection]);
      continue;
    }
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : document.fragments[selection.name.value];
    if (!fragment) continue;
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      if (seen.has(selection.name.value)) continue;
      seen.add(selection.name.value);
    }
    const condition = fragment.typeCondition?.name.value;
    if (condition !== undefined && condition !== typeName && condition !== ENTITY) continue;
    collect(typeName, fragment.selectionSet, document, fields, seen);
  }
}

function isIncluded(node: Parameters<typeof getDirectiveValues>[1], { variables }: DocumentContext): boolean {
  if (!node.directives?.length) return true;
  if (getDirectiveValues(GraphQLSkipDirective, node, variables)?.['if'] === true) return false;
  return getDirectiveValues(GraphQLIncludeDirective, node, variables)?.['if'] !== false;
}
