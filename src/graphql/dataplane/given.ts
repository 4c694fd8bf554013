import { HeadgateError } from '../../kernel/index.js';

/** An object of a request's arguments, whose fields the schema has checked. */
export type Input = Readonly<Record<string, unknown>>;

export function asInput(value: unknown, path: string): Input {
  if (value === null) throw nullGiven(path);
  if (typeof value !== 'object' || Array.isArray(value)) throw new HeadgateError('BAD_USER_INPUT', `${path}: expected an object.`, { path });
  return value as Input;
}

export function asList(value: unknown, path: string): unknown[] {
  if (value === null) throw nullGiven(path);
  return Array.isArray(value) ? value : [value];
}

export function asText(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new HeadgateError('BAD_USER_INPUT', `${path}: expected a text.`, { path });
  return value;
}

export function nullGiven(path: string): HeadgateError {
  return new HeadgateError('BAD_USER_INPUT', `${path} is null. To find rows without a value use { isNull: true }; to leave a condition out, leave it out.`, {
    path,
  });
}
