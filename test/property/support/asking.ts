import fc, { type Arbitrary } from 'fast-check';
import type { GraphQLSchema } from 'graphql';
import type { Principal } from '../../../src/identity/index.js';
import type { House } from '../../support/house.js';
import type { SelectionNode } from './documents.js';
import type { World } from './model.js';
import { Questions, type Bounded, type Scope } from './questions.js';
import { Seen } from './seen.js';
import { openIn, shownIn, type Shown } from './views.js';

/** What one principal can ask of a world. */
export interface Asking {
  readonly asker: Principal;
  readonly schema: GraphQLSchema;
  readonly seen: Seen;
  /** What is not refused, though it may be masked or empty. */
  readonly open: Shown;
  /** Questions, most of them about what the principal sees; undefined when the schema has no dataset. */
  readonly question: Arbitrary<SelectionNode[]> | undefined;
  readonly bounded: Arbitrary<Bounded> | undefined;
}

/** @param limit leaves out of the view what should not be asked for */
export async function askingOf(
  house: House,
  world: World,
  asker: Principal,
  { scope = {}, limit = (shown) => shown }: { scope?: Partial<Scope>; limit?: (shown: Shown) => Shown } = {},
): Promise<Asking> {
  const schema = await house.schema(asker);
  const seen = new Seen(world, asker, (label) => house.keyRing.derive(`mask/${label}`));
  const shown = limit(shownIn(schema, world));
  const open = openIn(shown, seen);
  const [all, answered] = [new Questions(shown, scope), new Questions(open, scope)];
  // A report of a failure says who asked, and not all that could have been.
  const inReports = { [fc.toStringMethod]: () => asker.subject };
  return { ...inReports, asker, schema, seen, open, question: either(all.question(), answered.question()), bounded: either(all.bounded(), answered.bounded()) };
}

function either<T>(all: Arbitrary<T> | undefined, open: Arbitrary<T> | undefined): Arbitrary<T> | undefined {
  return all && open ? fc.oneof({ weight: 1, arbitrary: all }, { weight: 3, arbitrary: open }) : all;
}

/** Of several principals, those who see something most often. */
export function anyOf<T>(
  askings: readonly Asking[],
  of: (asking: Asking) => Arbitrary<T> | undefined,
): Arbitrary<{ readonly asking: Asking; readonly given: T }> {
  const options = askings.flatMap((asking) => {
    const given = of(asking);
    return given ? [{ weight: asking.open.size > 0 ? 5 : 1, arbitrary: fc.record({ asking: fc.constant(asking), given }) }] : [];
  });
  return fc.oneof(...options);
}
