import type { z } from 'zod';
import { didYouMean, listOf } from './suggest.js';
import type { Path } from './yaml-document.js';

export interface SchemaProblem {
  readonly path: Path;
  readonly at: 'key' | 'value';
  readonly message: string;
}

/** The parts of a zod schema that say which keys are known where; zod has no public way to ask. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, { readonly def: Definition }>>;
  readonly element?: { readonly def: Definition };
  readonly innerType?: { readonly def: Definition };
  readonly valueType?: { readonly def: Definition };
  readonly in?: { readonly def: Definition };
  readonly out?: { readonly def: Definition };
  readonly options?: readonly { readonly def: Definition }[];
}

/** Checks a document against its kind's schema. */
export function checkSchema<Spec>(schema: z.ZodType<Spec>, value: unknown): { readonly spec: Spec } | { readonly problems: readonly SchemaProblem[] } {
  const result = schema.safeParse(value, { error: (issue) => messageFor(issue as z.core.$ZodRawIssue) });
  if (result.success) return { spec: result.data };
  const root = (schema as unknown as { readonly def: Definition }).def;
  const problems = result.error.issues.flatMap((issue) => problemsOf(issue, [], root));
  // A key that is unknown explains the one that is missing.
  return { problems: problems.toSorted((a, b) => Number(b.at === 'key') - Number(a.at === 'key')) };
}

function problemsOf(issue: z.core.$ZodIssue, parent: Path, root: Definition): SchemaProblem[] {
  const path = [...parent, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(root, path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      at: 'key',
      message: `unknown key "${key}".${didYouMean(key, known)}${known.length > 0 ? ` Known here: ${listOf(known, 30)}.` : ''}`,
    }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The branch that came furthest is most likely the one that was meant.
    const depth = (branch: readonly z.core.$ZodIssue[]) =>
      Math.max(...branch.map(({ path: at, code }) => at.length + (code === 'invalid_type' || code === 'invalid_value' ? 0 : 1)));
    const [best] = issue.errors.toSorted((a, b) => depth(b) - depth(a) || a.length - b.length);
    if (best && depth(best) > 0) return best.flatMap((inner) => problemsOf(inner, path, root));
    const expected = new Set(
      issue.errors.flatMap((branch) =>
        branch.flatMap((inner) =>
          inner.code === 'invalid_type'
            ? [typeName(inner.expected)]
            : inner.code === 'invalid_value'
              ? inner.values.map((value) => `"${String(value)}"`)
              : [inner.message],
        ),
      ),
    );
    return [{ path, at: 'value', message: `expected ${[...expected].join(' or ')}` }];
  }
  return [{ path, at: 'value', message: issue.message }];
}

/** In our words; undefined leaves it to zod. A message that the schema itself gives comes before these. */
function messageFor(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? `this is missing; expected ${typeName(issue.expected)}`
        : `expected ${typeName(issue.expected)}, and this is ${kindOf(issue.input)}`;
    case 'invalid_value':
      return `expected ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}.${typeof issue.input === 'string' ? didYouMean(issue.input, issue.values.map(String)) : ` This is ${kindOf(issue.input)}.`}`;
    case 'too_small':
      return `expected at least ${String(issue.minimum)}${unitOf(issue.origin)}`;
    case 'too_big':
      return `expected at most ${String(issue.maximum)}${unitOf(issue.origin)}`;
    default:
      return undefined;
  }
}

function unitOf(origin: string): string {
  return origin === 'array' ? ' items' : origin === 'string' ? ' characters' : '';
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys',
  record: 'a map of keys',
  tuple: 'a list',
};

function typeName(expected: string): string {
  return TYPE_NAMES[expected] ?? expected;
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'empty (null)';
  if (Array.isArray(value)) return 'a list';
  return TYPE_NAMES[typeof value] ?? typeof value;
}

/** The keys that the schema knows at a path, those that it only knows to refuse left out. */
function knownKeys(root: Definition, path: Path): string[] {
  let at = [root];
  for (const part of path) {
    at = at.flatMap(flatten).flatMap((def) => [def.shape?.[String(part)]?.def, def.element?.def, def.valueType?.def].filter((next) => next !== undefined));
  }
  const keys = at.flatMap(flatten).flatMap((def) => Object.entries(def.shape ?? {}));
  return [...new Set(keys.filter(([, { def }]) => flatten(def).some(({ type }) => type !== 'never')).map(([key]) => key))];
}

/** Through optional, default, pipe and union to what is inside. */
function flatten(def: Definition): Definition[] {
  const inner = [def.innerType, def.type === 'pipe' ? def.in : undefined, ...(def.options ?? [])].filter((next) => next !== undefined);
  return inner.length === 0 ? [def] : inner.flatMap((next) => flatten(next.def));
}
