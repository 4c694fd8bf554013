import { HeadgateError } from '../kernel/index.js';

/** The only variables a manifest can name: anything else of the server's environment stays out of reach. */
const REFERENCE = /\$\{(HEADGATE_SECRET_[A-Z0-9_]+)\}/g;

/** What is wrong with the variables in a text; undefined when nothing is. They stay references until they are used. */
export function variableProblem(text: string): string | undefined {
  const rest = text.replaceAll(REFERENCE, '');
  const start = rest.indexOf('${');
  if (start < 0) return undefined;
  const end = rest.indexOf('}', start);
  const variable = rest.slice(start, end < 0 ? start + 30 : Math.min(end + 1, start + 60));
  return `the only variables in a manifest are \${HEADGATE_SECRET_...} (capital letters, digits, underscores), and this is ${variable}. To mean the characters themselves in a pattern, write [$]{.`;
}

/**
 * The text with its references replaced. `secrets` has the variables' full names.
 * @throws HeadgateError BAD_USER_INPUT that names the variable which is not set; never a value.
 */
export function resolveSecret(text: string, secrets: ReadonlyMap<string, string>): string {
  return text.replaceAll(REFERENCE, (_, variable: string) => {
    const value = secrets.get(variable);
    if (value === undefined) {
      throw new HeadgateError(
        'BAD_USER_INPUT',
        `The environment variable ${variable}, which a manifest names, is not set. Set it where Headgate runs and start again.`,
        {
          variable,
        },
      );
    }
    return value;
  });
}
