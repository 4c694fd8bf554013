import { HeadgateError } from '../../kernel/index.js';

/** An entity that was asked for: its place in the list, and what was given beside `__typename`. */
export interface Reference {
  readonly index: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** All entities of one type that were asked for. */
export interface EntityGroup {
  readonly typeName: string;
  readonly references: readonly Reference[];
}

/**
 * The representations by type, in the order of each type's first.
 * @throws HeadgateError BAD_USER_INPUT that names the place of one which is no entity's. It is the same for a type that is
 *   hidden, one without a key and one that does not exist.
 */
export function groupByType(representations: unknown, isEntity: (typeName: string) => boolean, most: number): EntityGroup[] {
  const list = Array.isArray(representations) ? (representations as readonly unknown[]) : [representations];
  if (list.length > most) {
    const message = `representations: ${most} entities can be asked for at a time; ${list.length} were. Ask in several requests.`;
    throw new HeadgateError('BAD_USER_INPUT', message, { path: 'representations' });
  }
  const groups = new Map<string, Reference[]>();
  list.forEach((representation, index) => {
    if (typeof representation !== 'object' || representation === null || Array.isArray(representation)) {
      throw badRepresentation(index, 'expected an object of __typename and the fields of a key.');
    }
    const fields = representation as Readonly<Record<string, unknown>>;
    const typeName = Object.hasOwn(fields, '__typename') ? fields['__typename'] : undefined;
    if (typeof typeName !== 'string' || !isEntity(typeName)) throw badRepresentation(index, '__typename must name a type of the union _Entity.');
    const references = groups.get(typeName);
    if (references) references.push({ index, fields });
    else groups.set(typeName, [{ index, fields }]);
  });
  return [...groups].map(([typeName, references]) => ({ typeName, references }));
}

/** What is wrong with a representation; never with its value in it. */
export function badRepresentation(index: number, what: string): HeadgateError {
  return new HeadgateError('BAD_USER_INPUT', `representations[${index}]: ${what}`, { path: `representations[${index}]` });
}

/**
 * Reads the entities of each type at once, and puts them in the order of the representations.
 * @param read the entities of the group, in the order of its references
 */
export async function readInOrder<Entity, Group extends EntityGroup>(
  groups: readonly Group[],
  read: (group: Group) => Promise<readonly Entity[]>,
): Promise<Entity[]> {
  const ordered: Entity[] = [];
  const readGroup = async (group: Group): Promise<void> => {
    const entities = await read(group);
    if (entities.length !== group.references.length) throw new Error(`${group.typeName}: ${entities.length} entities for ${group.references.length} keys`);
    group.references.forEach(({ index }, i) => (ordered[index] = entities[i] as Entity));
  };
  await Promise.all(groups.map(readGroup));
  return ordered;
}
