import { Kind, visit, type DefinitionNode, type DocumentNode } from 'graphql';

/** The document without the types that nothing in `Query` leads to. */
export function reachable(document: DocumentNode): DocumentNode {
  const byName = new Map(
    document.definitions.flatMap((definition) => ('name' in definition && definition.name ? [[definition.name.value, definition] as const] : [])),
  );
  const found = new Set<DefinitionNode>();
  const pending = ['Query'];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const definition = byName.get(name);
    if (!definition || found.has(definition)) continue;
    found.add(definition);
    visit(definition, { NamedType: ({ name: { value } }) => void pending.push(value) });
  }
  return { ...document, definitions: document.definitions.filter((definition) => found.has(definition) || definition.kind === Kind.DIRECTIVE_DEFINITION) };
}
