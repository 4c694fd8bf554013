import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { request } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';

/** What a load says of itself; counts are texts, as in the GraphQL API. */
interface Loaded {
  readonly rowsRead: string;
  readonly rowsLoaded: string;
  readonly rowsQuarantined: string;
}

/**
 * `POST /ingest/{dataset}`, as a user sends a file; resolves when the load is committed.
 * @throws Error when it is refused, or its counts are not those given.
 */
export async function upload(
  url: string,
  token: string,
  file: string,
  path: string,
  expected: { readonly rows: number; readonly bad?: number },
): Promise<void> {
  const { size } = await stat(file);
  const sending = request(new URL(path, url), {
    method: 'POST',
    headers: { 'content-type': 'text/csv', 'content-length': size, authorization: `Bearer ${token}` },
  });
  const answered = once(sending, 'response') as Promise<[IncomingMessage]>;
  const [[response]] = await Promise.all([answered, pipeline(createReadStream(file, { highWaterMark: 1 << 18 }), sending)]);
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString();
  if (response.statusCode !== 200) throw new Error(`${path} was refused with ${response.statusCode}: ${text.slice(0, 1000)}`);
  const run = JSON.parse(text) as Loaded;
  const { rows, bad = 0 } = expected;
  const right = Number(run.rowsRead) === rows && Number(run.rowsQuarantined) === bad && Number(run.rowsLoaded) === rows - bad;
  if (!right) throw new Error(`${path} counted wrong: ${text.slice(0, 1000)}`);
}
