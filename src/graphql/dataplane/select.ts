import { getArgumentValues, type FieldNode, type GraphQLField, type GraphQLObjectType } from 'graphql';
import type { ConnectionMember, ConnectionSelection, EdgeMember, PageInfoMember, ReadSelection, RowMember, RowSelection, Slot } from '../../access/index.js';
import { columnType, type Dataset, type Field, type Relation } from '../../catalog/index.js';
import type { Limits } from '../../config/index.js';
import { HeadgateError } from '../../kernel/index.js';
import { collectFields, type DocumentContext } from './collect.js';
import { parseOrder, parsePage } from './page-args.js';
import { RequestShape } from './request-shape.js';
import { selectAggregate, selectGrouping, type SummaryContext } from './select-summary.js';
import { keyFields, type DataPlane, type DatasetRoot } from './types.js';
import { parseWhere } from './where.js';

/** What one root field asks for, and its shape. */
export interface Selected {
  readonly selection: ReadSelection;
  readonly shape: RequestShape;
}

type Args = Readonly<Record<string, unknown>>;

/**
 * Reads the selection under a dataset's root field from the document. It was validated against the API schema, so
 * names and argument types are known to be right.
 */
export function select(root: DatasetRoot, nodes: readonly FieldNode[], args: Args, plane: DataPlane, document: DocumentContext, limits: Limits): Selected {
  const selector = new Selector(plane, document, limits);
  const selection = root.kind === 'connection' ? selector.connectionRoot(root.dataset, nodes, args) : selector.byKeyRoot(root.dataset, nodes, args);
  return { selection, shape: selector.shape };
}

/** What is asked of the entities of one type, which are found by their keys: a list of values for each. */
export function selectEntities(
  dataset: Dataset,
  keys: readonly (readonly unknown[])[],
  nodes: readonly FieldNode[],
  plane: DataPlane,
  document: DocumentContext,
  limits: Limits,
): Selected {
  const selector = new Selector(plane, document, limits);
  return { selection: selector.byKeysRoot(dataset, nodes, keys), shape: selector.shape };
}

/** What a subscription asks of each event. */
export interface SelectedChanges extends Selected {
  /** The slots of the versions that an event is between; their values come with it. */
  readonly after: number;
  readonly upTo: number;
}

/** The same for a root field of `Subscription`: its rows are those that changed between two versions. @throws HeadgateError BAD_USER_INPUT */
export function selectChanges(
  { dataset }: DatasetRoot,
  nodes: readonly FieldNode[],
  args: Args,
  plane: DataPlane,
  document: DocumentContext,
  limits: Limits,
): SelectedChanges {
  const selector = new Selector(plane, document, limits);
  const changes = { after: selector.versionSlot(), upTo: selector.versionSlot() };
  const selection = selector.changesRoot(dataset, nodes, args, changes);
  return { selection, shape: selector.shape, after: changes.after.slot, upTo: changes.upTo.slot };
}

class Selector {
  readonly shape = new RequestShape();
  readonly #plane: DataPlane;
  readonly #datasets: ReadonlyMap<string, Dataset>;
  readonly #document: DocumentContext;
  readonly #limits: Limits;

  constructor(plane: DataPlane, document: DocumentContext, limits: Limits) {
    this.#plane = plane;
    this.#datasets = new Map([...plane.types].map(([name, types]) => [name, types.dataset]));
    this.#document = document;
    this.#limits = limits;
  }

  connectionRoot(dataset: Dataset, nodes: readonly FieldNode[], args: Args): ReadSelection {
    return { kind: 'connection', connection: this.#connection(dataset, nodes, args) };
  }

  byKeyRoot(dataset: Dataset, nodes: readonly FieldNode[], args: Args): ReadSelection {
    this.shape.note(`byKey ${dataset.name}`);
    const key = keyFields(dataset).map((field) => ({ field, value: { slot: this.shape.slot(args[field.graphqlName]), type: columnType(field) } }));
    return { kind: 'byKey', row: this.#row(dataset, nodes), key };
  }

  byKeysRoot(dataset: Dataset, nodes: readonly FieldNode[], keys: readonly (readonly unknown[])[]): ReadSelection {
    this.shape.note(`byKeys ${dataset.name}`);
    const key = keyFields(dataset).map((field, i) => ({
      field,
      value: { slot: this.shape.slot(keys.map((values) => values[i])), type: `${columnType(field)}[]` },
    }));
    return { kind: 'byKeys', row: this.#row(dataset, nodes), key, rows: keys.length };
  }

  versionSlot(): Slot {
    return { slot: this.shape.slot(null), type: 'bigint' };
  }

  changesRoot(dataset: Dataset, nodes: readonly FieldNode[], args: Args, changes: { readonly after: Slot; readonly upTo: Slot }): ReadSelection {
    const { shape } = this;
    shape.note(`changes ${dataset.name}`);
    shape.datasets.add(dataset);
    const page = parsePage({ first: args['first'] ?? this.#limits.maxPage }, this.#limits, shape);
    if (page.limit < 1) throw new HeadgateError('BAD_USER_INPUT', 'first: an event has one row at the least.', { path: 'first' });
    const where = args['where'] === undefined || args['where'] === null ? undefined : parseWhere(args['where'], dataset, this.#datasets, shape);
    shape.note('{');
    const members = [...this.#fields(this.#types(dataset).change, nodes)].map(([key, fields]) => this.#changeMember(key, fields, dataset));
    shape.note('}');
    return { kind: 'connection', connection: { dataset, page, changes, ...(where && { where }), order: [], members } };
  }

  #changeMember(key: string, nodes: readonly FieldNode[], dataset: Dataset): ConnectionMember {
    const name = nameOf(nodes);
    if (name !== 'hasMore' && name !== 'dataVersion') return this.#connectionMember(key, nodes, dataset);
    this.shape.note(`${key}:${name}`);
    return { kind: name, key };
  }

  #connection(dataset: Dataset, nodes: readonly FieldNode[], args: Args): ConnectionSelection {
    const { shape } = this;
    shape.note(`connection ${dataset.name}`);
    shape.datasets.add(dataset);
    const page = parsePage(args, this.#limits, shape);
    const where = args['where'] === undefined || args['where'] === null ? undefined : parseWhere(args['where'], dataset, this.#datasets, shape);
    shape.note('order');
    const order = parseOrder(args['orderBy'], dataset, this.#datasets, shape);
    shape.note('{');
    const members = [...this.#fields(this.#types(dataset).connection, nodes)].map(([key, fields]) => this.#connectionMember(key, fields, dataset));
    shape.note('}');
    return { dataset, page, ...(where && { where }), order, members };
  }

  #connectionMember(key: string, nodes: readonly FieldNode[], dataset: Dataset): ConnectionMember {
    const name = nameOf(nodes);
    this.shape.note(`${key}:${name}`);
    switch (name) {
      case 'nodes':
        return { kind: 'nodes', key, row: this.#row(dataset, nodes) };
      case 'edges':
        return { kind: 'edges', key, members: this.#edge(dataset, nodes) };
      case 'pageInfo':
        return { kind: 'pageInfo', key, members: this.#pageInfo(nodes) };
      case 'totalCount':
        return { kind: 'totalCount', key };
      case 'aggregate':
        return { kind: 'aggregate', key, members: selectAggregate(nodes, this.#summary(dataset)) };
      case 'groupBy': {
        const definition = this.#types(dataset).connection.getFields()[name];
        if (!definition) throw new Error(`${dataset.name} can't be grouped`);
        return { kind: 'groupBy', key, grouping: selectGrouping(nodes, definition, this.#summary(dataset)) };
      }
      default:
        return { kind: 'typename', key };
    }
  }

  #edge(dataset: Dataset, nodes: readonly FieldNode[]): EdgeMember[] {
    return [...this.#fields(this.#types(dataset).edge, nodes)].map(([key, fields]): EdgeMember => {
      const name = nameOf(fields);
      this.shape.note(`${key}:${name}`);
      if (name === 'node') return { kind: 'node', key, row: this.#row(dataset, fields) };
      return { kind: name === 'cursor' ? 'cursor' : 'typename', key };
    });
  }

  #pageInfo(nodes: readonly FieldNode[]): PageInfoMember[] {
    const fields = collectFields(
      'PageInfo',
      nodes.map((node) => node.selectionSet),
      this.#document,
    );
    return [...fields].map(([key, inner]) => {
      const name = nameOf(inner) as PageInfoMember['name'];
      this.shape.note(`${key}:${name}`);
      return { key, name };
    });
  }

  #row(dataset: Dataset, nodes: readonly FieldNode[]): RowSelection {
    const { row } = this.#types(dataset);
    this.shape.datasets.add(dataset);
    this.shape.note('{');
    const definitions = row.getFields();
    const members = [...this.#fields(row, nodes)].map(([key, fields]): RowMember => {
      const name = nameOf(fields);
      this.shape.note(`${key}:${name}`);
      const definition = definitions[name];
      return definition ? this.#rowMember(key, fields, definition) : { kind: 'typename', key };
    });
    this.shape.note('}');
    return { dataset, members };
  }

  #rowMember(key: string, nodes: readonly FieldNode[], definition: GraphQLField<unknown, unknown>): RowMember {
    const { field, relation, target } = definition.extensions['headgate'] as { field?: Field; relation?: Relation; target?: Dataset };
    if (field) return { kind: 'field', key, field };
    if (!relation || !target) throw new Error(`${definition.name} is neither a field nor a relation`);
    if (!relation.many) return { kind: 'one', key, relation, row: this.#row(target, nodes) };
    const [first] = nodes;
    const args = first ? getArgumentValues(definition, first, this.#document.variables) : {};
    return { kind: 'many', key, relation, connection: this.#connection(target, nodes, args) };
  }

  #summary(dataset: Dataset): SummaryContext {
    return { dataset, types: this.#types(dataset), datasets: this.#datasets, shape: this.shape, document: this.#document, limits: this.#limits };
  }

  #fields(type: GraphQLObjectType, nodes: readonly FieldNode[]): ReadonlyMap<string, readonly FieldNode[]> {
    return collectFields(
      type.name,
      nodes.map((node) => node.selectionSet),
      this.#document,
    );
  }

  #types(dataset: Dataset) {
    const types = this.#plane.types.get(dataset.name);
    if (!types) throw new Error(`${dataset.name} is not part of this view`);
    return types;
  }
}

function nameOf(nodes: readonly FieldNode[]): string {
  return nodes[0]?.name.value ?? '';
}
