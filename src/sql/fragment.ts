declare const trusted: unique symbol;

/**
 * A piece of SQL: texts and, between them, parameters that are bound later. Only this file makes one from a bare
 * string, so that a string from outside can't become SQL by mistake.
 */
export interface Sql {
  readonly [trusted]: true;
  readonly parts: readonly (string | Parameter | Word)[];
}

/** A piece that not every server writes alike. */
export class Word {
  readonly name: string;
  readonly text: string;
  constructor(name: string, text: string) {
    this.name = name;
    this.text = text;
  }
}

/** How some words are written at another server, by their names. */
export type Words = Readonly<Record<string, string>>;

/** A value that is sent beside the statement; `type` is its PostgreSQL type, written as a cast. */
export class Parameter {
  readonly value: unknown;
  readonly type: string;
  constructor(value: unknown, type: string) {
    this.value = value;
    this.type = type;
  }
}

function make(parts: readonly (string | Parameter | Word)[]): Sql {
  return { parts } as unknown as Sql;
}

/** SQL that is known to be good: our own constants, and the output of `identifier`, `literal` and the deparser. */
export function raw(text: string): Sql {
  return make([text]);
}

export const empty: Sql = raw('');

/** sql`SELECT ${identifier(x)} WHERE ${y} = ${param(1, 'bigint')}`: every hole takes SQL, never a string. */
export function sql(texts: TemplateStringsArray, ...holes: readonly Sql[]): Sql {
  const parts: (string | Parameter | Word)[] = [];
  texts.forEach((text, i) => {
    if (text) parts.push(text);
    const hole = holes[i];
    if (hole) parts.push(...hole.parts);
  });
  return make(parts);
}

/** A parameter with its PostgreSQL type. The same Parameter object used twice is sent once. */
export function param(value: unknown, type: string): Sql {
  return make([new Parameter(value, type)]);
}

/** SQL that is known to be good, and that `renderParameters` can be told to write otherwise. */
export function word(name: string, text: string): Sql {
  return make([new Word(name, text)]);
}

/** The pieces with `separator` between them. */
export function join(pieces: readonly Sql[], separator = ', '): Sql {
  return make(pieces.flatMap((piece, i) => (i === 0 ? piece.parts : [separator, ...piece.parts])));
}

/** The statement's text with $1, $2 ..., and the values in that order. */
export function render(statement: Sql): { readonly text: string; readonly values: readonly unknown[] } {
  const { text, parameters } = renderParameters(statement);
  return { text, values: parameters.map((parameter) => parameter.value) };
}

/**
 * As `render`, but with the Parameter objects, for a statement that is kept and bound again.
 * @param words how words are written where the statement is run; as they stand when absent
 */
export function renderParameters(statement: Sql, words: Words = {}): { readonly text: string; readonly parameters: readonly Parameter[] } {
  const positions = new Map<Parameter, number>();
  let text = '';
  for (const part of statement.parts) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    if (part instanceof Word) {
      text += words[part.name] ?? part.text;
      continue;
    }
    const position = positions.get(part) ?? positions.size + 1;
    positions.set(part, position);
    text += `$${position}::${part.type}`;
  }
  return { text, parameters: [...positions.keys()] };
}
