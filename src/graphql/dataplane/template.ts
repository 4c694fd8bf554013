import { getArgumentValues, visit, type FieldNode, type GraphQLField } from 'graphql';
import { price, type ReadSelection } from '../../access/index.js';
import type { Dataset } from '../../catalog/index.js';
import type { Limits } from '../../config/index.js';
import { holdsNul, type RequestShape } from './request-shape.js';
import { select } from './select.js';
import type { DataPlane, DatasetRoot } from './types.js';

/** The variable whose value a slot takes, or its constant. */
type TemplateSlot = { readonly variable: string } | { readonly constant: unknown };

/**
 * What a root field of an operation selects, whatever the values of its variables: they stand for values of the
 * statement and for nothing else, so that neither its shape nor its price depends on them.
 */
export class Template {
  readonly selection: ReadSelection;
  readonly datasets: readonly Dataset[];
  readonly price: number;
  /** No other template of the view has it: with the fingerprints of decisions it stands for a plan. */
  readonly id: string;
  /** Equal for templates whose statements are. */
  readonly shape: string;
  readonly #slots: readonly TemplateSlot[];

  private constructor(id: string, selection: ReadSelection, shape: RequestShape, slots: readonly TemplateSlot[]) {
    this.id = id;
    this.selection = selection;
    this.shape = shape.text;
    this.datasets = [...shape.datasets];
    this.price = price(selection);
    this.#slots = slots;
  }

  /**
   * Selects with a symbol in the place of each variable. Wherever a value has another meaning than itself (a page's size,
   * a direction, a whole condition, `isNull`, @skip) there is then an error, or no slot for it. Undefined in these cases,
   * and for fields with fragments, where a variable that stands once can be used twice.
   */
  static of(
    root: DatasetRoot,
    definition: GraphQLField<unknown, unknown>,
    node: FieldNode,
    { id, plane, limits }: { id: string; plane: DataPlane; limits: Limits },
  ): Template | undefined {
    let uses = 0;
    let fragments = 0;
    const variables: Record<string, symbol> = {};
    visit(node, {
      Variable: ({ name }) => {
        uses += 1;
        variables[name.value] ??= Symbol(name.value);
      },
      FragmentSpread: () => void (fragments += 1),
    });
    if (fragments > 0) return undefined;
    try {
      const args = getArgumentValues(definition, node, variables);
      const { selection, shape } = select(root, [node], args, plane, { fragments: {}, variables }, limits);
      const slots = shape.values.map((value): TemplateSlot => (typeof value === 'symbol' ? { variable: value.description ?? '' } : { constant: value }));
      if (slots.filter((slot) => 'variable' in slot).length !== uses || shape.patterns.length > 0) return undefined;
      return new Template(id, selection, shape, slots);
    } catch {
      // Whatever is wrong with it is told when it is run with its values.
      return undefined;
    }
  }

  /**
   * The values of the statement, by slot. Undefined when a variable has none, which can mean more than the value null, or
   * one that will be refused.
   */
  values(variables: Readonly<Record<string, unknown>>): unknown[] | undefined {
    const values: unknown[] = [];
    for (const slot of this.#slots) {
      const value = 'variable' in slot ? variables[slot.variable] : slot.constant;
      if (value === undefined || value === null || holdsNul(value)) return undefined;
      values.push(value);
    }
    return values;
  }
}
