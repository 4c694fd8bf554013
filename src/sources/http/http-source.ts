import { resolveSecret, type SourceSpec } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';

/** A source that is asked over HTTP, as its document has it. */
export type HttpSourceSpec = Extract<SourceSpec, { type: 'http' | 'graphql' }>;

/**
 * A text of its document with its secrets in it: for the next request, and kept nowhere.
 * @throws HeadgateError UNAVAILABLE that names the variable which is not set, never a value
 */
export function secretOf(source: string, text: string, secrets: ReadonlyMap<string, string>): string {
  try {
    return resolveSecret(text, secrets);
  } catch (error) {
    const { variable } = (error as HeadgateError).details;
    throw new HeadgateError('UNAVAILABLE', `The source ${source}: ${(error as Error).message}`, { source, variable });
  }
}

/** RFC 7617: in UTF-8. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
