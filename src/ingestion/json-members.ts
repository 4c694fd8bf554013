/** A member of a JSON object: its name, and where its value stands in the text. */
export interface JsonMember {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** The members of an object, in their order; undefined when the text is not one. */
export function membersOf(text: string): readonly JsonMember[] | undefined {
  try {
    return membersIn(text, JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The same where the text was parsed before. @param value what came of it */
export function membersIn(text: string, value: unknown): readonly JsonMember[] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  // From here on the text is known to be right, so that only quotes and brackets matter.
  const members: JsonMember[] = [];
  let at = pastSpace(text, text.indexOf('{') + 1);
  while (text[at] === '"') {
    const nameEnd = pastString(text, at);
    const quoted = text.slice(at, nameEnd);
    const name = quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
    const from = pastSpace(text, pastSpace(text, nameEnd) + 1);
    const to = pastValue(text, from);
    members.push({ name, from, to });
    at = pastSpace(text, to);
    if (text[at] === ',') at = pastSpace(text, at + 1);
  }
  return members;
}

/** The elements of a list, in their order; undefined when the text is not one. */
export function elementsOf(text: string): readonly Omit<JsonMember, 'name'>[] | undefined {
  try {
    return elementsIn(text, JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The same where the text was parsed before. @param value what came of it */
export function elementsIn(text: string, value: unknown): readonly Omit<JsonMember, 'name'>[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const elements: Omit<JsonMember, 'name'>[] = [];
  let from = pastSpace(text, text.indexOf('[') + 1);
  while (text[from] !== ']') {
    const to = pastValue(text, from);
    elements.push({ from, to });
    from = pastSpace(text, to);
    if (text[from] === ',') from = pastSpace(text, from + 1);
  }
  return elements;
}

function pastSpace(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at += 1;
  return at;
}

/** @param open where its first quote is */
function pastString(text: string, open: number): number {
  let at = open + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function pastValue(text: string, from: number): number {
  if (text[from] === '"') return pastString(text, from);
  let depth = 0;
  let at = from;
  for (; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') at = pastString(text, at) - 1;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      if (depth === 0) break;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (character === ',' || character === ' ' || character === '\t' || character === '\n' || character === '\r')) break;
  }
  return at;
}
