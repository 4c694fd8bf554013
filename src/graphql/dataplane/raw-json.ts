import { GraphQLScalarType } from 'graphql';

/** JSON text that PostgreSQL built and nobody parses again: it is spliced into the response as it is. */
export class RawJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  /** So that whatever stringifies the ordinary way still works, only slower. */
  toJSON(): unknown {
    return JSON.parse(this.text);
  }
}

/** The type of a dataset's root field in the execution schema: a leaf, so that graphql-js leaves its selection alone. */
export const RawJsonScalar = new GraphQLScalarType({ name: 'RawJson', serialize: (value) => value });

/** Writes a response, with raw members of `data` spliced in. */
export function stringifyResponse(response: object): string {
  const { data, ...rest } = response as { data?: Record<string, unknown> | null };
  if (data === undefined) return JSON.stringify(rest);
  if (data === null) return JSON.stringify({ ...rest, data });
  const others = JSON.stringify(rest);
  // GraphQL's specification suggests `errors` first, where a person reads it.
  let text = `${others.slice(0, -1)}${others === '{}' ? '' : ','}"data":{`;
  // Strung together and not joined: an answer is large, and a join copies it.
  Object.entries(data).forEach(([key, value], i) => {
    text += `${i === 0 ? '' : ','}${JSON.stringify(key)}:${value instanceof RawJson ? value.text : (JSON.stringify(value) ?? 'null')}`;
  });
  return `${text}}}`;
}
