import { fieldsByColumn, type Dataset, type Field } from '../catalog/index.js';
import type { Format } from './format.js';
import { membersOf, type JsonMember } from './json-members.js';
import { NdjsonRows } from './json-lines.js';
import { JsonRows } from './json-rows.js';
import { rejected, twoMembers, unknownMember } from './rejection.js';
import { REFUSED_VALUE, Sealer, type Stretch, type ToSeal } from './sealer.js';
import { StreamBytes } from './stream-bytes.js';
import { TextBlocks } from './text-blocks.js';

interface JsonSealing {
  readonly dataset: Dataset;
  readonly format: Format;
  readonly maxValueBytes: number;
}

/** JSON or NDJSON with the values of encrypted fields taken out, block by block. What is between the rows stays as it is. */
export async function* sealedJson(content: AsyncIterable<Buffer>, { dataset, format, maxValueBytes }: JsonSealing): AsyncGenerator<Stretch> {
  const sealer = new Sealer(dataset);
  const fields = fieldsByColumn(dataset);
  const blocks = new TextBlocks(async () => new StreamBytes(content), maxValueBytes);
  const rows = format === 'json' ? new JsonRows() : new NdjsonRows();
  let isEmpty = true;
  const reading = blocks.read<Stretch>(
    ({ bytes, last }) => {
      const pieces: (Buffer | ToSeal)[] = [];
      let end = 0;
      const used = rows.scan(bytes, last, (_position, line, from, to) => {
        pieces.push(bytes.subarray(end, from));
        addRow(bytes.toString('utf8', from, to), { line, dataset, fields, sealer, pieces });
        end = to;
      });
      pieces.push(bytes.subarray(end, used));
      isEmpty = false;
      return { used, out: [pieces] };
    },
    () => rows.line,
  );
  yield* reading;
  // Of a file without a byte it is said elsewhere.
  if (!isEmpty) rows.end();
}

interface Sealing {
  readonly line: number;
  readonly dataset: Dataset;
  /** By each name that a member may have. */
  readonly fields: ReadonlyMap<string, Field>;
  readonly sealer: Sealer;
  readonly pieces: (Buffer | ToSeal)[];
}

function addRow(text: string, { line, dataset, fields, sealer, pieces }: Sealing): void {
  const members = membersOf(text);
  if (!members) {
    // Kept whole in quarantine, it would be kept plain.
    throw rejected(`The row is not a JSON object, so its encrypted fields can't be told. Mend the file. (line ${line})`, { line });
  }
  const unknown = members.find(({ name }) => !fields.has(name));
  if (unknown) throw unknownMember(dataset, line, unknown.name);
  const fieldOf = ({ name }: JsonMember): string => fields.get(name)?.name ?? name;
  const twice = members.find((member) => members.some((other) => other.name !== member.name && fieldOf(other) === fieldOf(member)));
  if (twice) throw twoMembers(dataset, line, fieldOf(twice));
  // Of a name that is there twice the last value counts.
  const subject = members.findLast((member) => fieldOf(member) === sealer.subject);
  const subjectText = subject ? scalarText(subject, text) : null;
  let from = 0;
  const put = (member: JsonMember, ...instead: (Buffer | ToSeal)[]) => {
    pieces.push(Buffer.from(text.slice(from, member.from)), ...instead);
    from = member.to;
  };
  for (const member of members) {
    const value = scalarText(member, text);
    const field = fieldOf(member);
    if (sealer.fields.has(field)) {
      if (value !== null) put(member, QUOTE, value === undefined ? Buffer.from(REFUSED_VALUE) : sealer.toSeal(field, subjectText ?? null, value), QUOTE);
    } else if (member === subject && typeof value === 'string' && text[member.from] !== '"') {
      // PostgreSQL would write a number in its own way, such as 100 for 1e2.
      put(member, Buffer.from(JSON.stringify(value)));
    }
  }
  pieces.push(Buffer.from(text.slice(from)));
}

const QUOTE = Buffer.from('"');

/** The text of a scalar, numbers as they are written; undefined for what is nested. */
function scalarText({ from, to }: JsonMember, text: string): string | null | undefined {
  const written = text.slice(from, to);
  if (written.startsWith('"')) return JSON.parse(written) as string;
  if (written === 'null') return null;
  return written.startsWith('{') || written.startsWith('[') ? undefined : written;
}
