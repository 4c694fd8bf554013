const DOUBLE = 0x22;
const SINGLE = 0x27;
const CR = 0x0d;
const LF = 0x0a;

/**
 * A text whose values stand in single quotes, or in none, as one with double quotes: so that there is one reader of records. A
 * value keeps its line ends, so lines stay where they are.
 */
export async function* requoted(content: AsyncIterable<Buffer>, quote: 'single' | 'none', delimiter: number): AsyncGenerator<Buffer> {
  const fields = new Fields(quote === 'single' ? SINGLE : -1, delimiter);
  for await (const chunk of content) {
    const out = fields.add(chunk);
    if (out.length > 0) yield out;
  }
  yield fields.end();
}

/** One field at a time: whether it must be quoted is known at its end. */
class Fields {
  readonly #quote: number;
  readonly #delimiter: number;
  #field: number[] = [];
  #out: number[] = [];
  /** Before the first byte of a field, in it, in quotes, behind a quote in quotes. */
  #state: 'begin' | 'plain' | 'quoted' | 'maybe closed' = 'begin';
  #wasQuoted = false;

  constructor(quote: number, delimiter: number) {
    this.#quote = quote;
    this.#delimiter = delimiter;
  }

  add(chunk: Buffer): Buffer {
    for (const byte of chunk) this.#take(byte);
    return this.#flush();
  }

  end(): Buffer {
    // A quote that was never closed stays open, so that the reader says so.
    if (this.#state === 'quoted') this.#out.push(DOUBLE, ...doubled(this.#field));
    else this.#finish();
    this.#field = [];
    return this.#flush();
  }

  #take(byte: number): void {
    if (this.#state === 'begin' && byte === this.#quote) {
      this.#state = 'quoted';
      this.#wasQuoted = true;
    } else if (this.#state === 'quoted') {
      if (byte === this.#quote) this.#state = 'maybe closed';
      else this.#field.push(byte);
    } else if (this.#state === 'maybe closed' && byte === this.#quote) {
      this.#field.push(byte);
      this.#state = 'quoted';
    } else if (byte === this.#delimiter || byte === CR || byte === LF) {
      this.#finish();
      this.#out.push(byte);
    } else {
      this.#field.push(byte);
      this.#state = 'plain';
    }
  }

  #finish(): void {
    const field = this.#field;
    if (this.#wasQuoted || field.includes(DOUBLE)) {
      this.#out.push(DOUBLE);
      for (const byte of doubled(field)) this.#out.push(byte);
      this.#out.push(DOUBLE);
    } else for (const byte of field) this.#out.push(byte);
    this.#field = [];
    this.#state = 'begin';
    this.#wasQuoted = false;
  }

  #flush(): Buffer {
    const out = Buffer.from(this.#out);
    this.#out = [];
    return out;
  }
}

function doubled(field: readonly number[]): number[] {
  return field.includes(DOUBLE) ? field.flatMap((byte) => (byte === DOUBLE ? [DOUBLE, DOUBLE] : [byte])) : [...field];
}
