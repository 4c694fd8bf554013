import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ParquetFile } from '../../src/ingestion/parquet/parquet-file.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-'));
});

afterAll(() => rm(folder, { recursive: true }));

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))];
}

async function refusal(footer: Buffer): Promise<unknown> {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  const path = join(folder, 'made.parquet');
  await writeFile(path, Buffer.concat([Buffer.from('PAR1'), footer, length, Buffer.from('PAR1')]));
  return ParquetFile.open({ path }).then(
    async (file) => file.close(),
    (error: unknown) => error,
  );
}

test('a footer of bytes that would each become an object is refused before any of it is built', async () => {
  // Version 1, and a schema of so many elements of which each is a single byte: packed it is some KiB.
  const elements = 6_000_000;
  const footer = Buffer.concat([Buffer.from([0x15, 0x02, 0x19, 0xfc, ...varint(elements)]), Buffer.alloc(elements + 1)]);
  expect(await refusal(footer)).toMatchObject({ code: 'DATA_REJECTED', message: expect.stringContaining('more than 5000000 parts') });
});

test('a footer of lists in lists that each claim to be long is refused before room is made for them', async () => {
  const claims = Array.from({ length: 12 }, () => [0xf9, ...varint(30_000_000)]).flat();
  expect(await refusal(Buffer.from([0x19, ...claims, 0]))).toMatchObject({
    code: 'DATA_REJECTED',
    message: expect.stringContaining('more than 5000000 parts'),
  });
});

test('a footer that is nested without end is refused', async () => {
  expect(await refusal(Buffer.alloc(100_000, 0x1c))).toMatchObject({ code: 'DATA_REJECTED', message: expect.stringContaining('nested too deeply') });
});
