import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Served } from '../support/served.js';
import { applied, expectProblem, loaded, Witness, type Expected } from './refusal.js';

const MANIFESTS = `
kind: Dataset
name: orders
fields:
  - { name: id, type: bigint }
  - { name: name, type: text }
  - { name: price, type: decimal }
key: [id]
---
kind: Dataset
name: strict
maxQuarantine: 40%
fields: [{ name: id, type: bigint }]
---
kind: Dataset
name: ratios
fields: [{ name: a, type: integer }, { name: b, type: integer }]
rules: [{ name: fair, check: a / b < 100 }]
---
kind: Dataset
name: documents
fields: [{ name: id, type: bigint }, { name: doc, type: json }]
---
kind: Pipeline
name: prices
steps:
  - { name: dear, transform: { from: orders, select: [id, price] } }
  - { publish: { to: prices, key: [id] } }
`;

const HEAD = 'id,name,price\n';
const ROWS = `${HEAD}1,one,1.50\n2,two,2\n`;
const MEGABYTE = 1024 * 1024;

let served: Served;
let witness: Witness;
let engineer: string;

beforeAll(async () => {
  served = await Served.start({ HEADGATE_MAX_UPLOAD_BYTES: String(16 * MEGABYTE) });
  witness = await Witness.of(served);
  engineer = await served.token('eve', ['engineer']);
  await applied(served, MANIFESTS);
  await loaded(served, 'orders', ROWS, { 'idempotency-key': 'first' });
});

afterAll(async () => {
  await witness.close();
  await served.close();
});

type Body = string | Uint8Array<ArrayBuffer>;

const bytes = (...parts: readonly (string | readonly number[])[]): Body =>
  new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part)))));
const gzip = (text: string | Buffer): Buffer => gzipSync(text);
const packed = (content: Buffer): Body => new Uint8Array(content);

const CSV = 'text/csv';
const JSON_TYPE = 'application/json';
const NDJSON = 'application/x-ndjson';

/** Files that can't be loaded as a whole: each ends with 422 and DATA_REJECTED. */
const FILES: readonly (readonly [what: string, type: string, body: Body, says: RegExp, details: Readonly<Record<string, unknown>>])[] = [
  ['an empty file', CSV, '', /empty\. Expected a header with the columns id, name, price/, { expected: ['id', 'name', 'price'] }],
  ['a missing column', CSV, 'id,name\n3,c\n', /missing: price.*Change the file, or the contract/, { line: 1, missing: ['price'] }],
  ['an extra column', CSV, 'id,name,price,colour\n3,c,1,red\n', /not in the contract: colour/, { line: 1, extra: ['colour'] }],
  ['a column twice', CSV, 'id,name,price,id\n3,c,1,4\n', /there twice: id/, { line: 1, duplicate: ['id'] }],
  ['no header', CSV, '3,c,1\n4,d,2\n', /not a header of "orders".*Expected id, name, price/, { line: 1, missing: ['id', 'name', 'price'] }],
  ['another delimiter', CSV, 'id;name;price\n3;c;1\n', /not a header of "orders"/, { line: 1 }],
  ['a short line', CSV, `${HEAD}3,c,1\n4,d\n`, /line has 2 fields; the header has 3/, { line: 3, expected: 3, actual: 2 }],
  ['a long line', CSV, `${HEAD}3,c,1\n4,d,2,5\n`, /line has 4 fields; the header has 3/, { line: 3, expected: 3, actual: 4 }],
  ['a blank line', CSV, `${HEAD}3,c,1\n\n4,d,2\n`, /line is blank/, { line: 3 }],
  ['a file that ends in a row', CSV, `${HEAD}3,c,1\n4,d`, /line has 2 fields/, { line: 3 }],
  ['a quote that is never closed', CSV, `${HEAD}3,c,1\n4,"d,2\n5,e,3\n`, /quote is opened and never closed/, { line: 3, column: 3 }],
  ['a quote within a field', CSV, `${HEAD}3,c"c,1\n`, /quote the field and double the quote/, { line: 2, column: 4 }],
  ['text behind a quote', CSV, `${HEAD}3,"c"c,1\n`, /After a closing quote/, { line: 2, column: 6 }],
  ['Latin-1', CSV, bytes(`${HEAD}3,caf`, [0xe9], ',1\n'), /not UTF-8.*iconv/, { line: 2, column: 6 }],
  ['UTF-16', CSV, bytes([0xff, 0xfe], Buffer.from(ROWS, 'utf16le').toJSON().data), /UTF-16 text.*iconv -f UTF-16/, { line: 1, column: 1 }],
  ['a NUL', CSV, `${HEAD}3,c\0,1\n`, /NUL character/, { line: 2, column: 4 }],
  [
    'a value of 10 MB',
    CSV,
    `${HEAD}3,c,1\n4,${'x'.repeat(10 * MEGABYTE)},2\n`,
    /line 3 is longer than the 1048576 bytes.*HEADGATE_MAX_VALUE_BYTES/,
    { line: 3 },
  ],
  ['a quoted value of 10 MB', CSV, `${HEAD}3,"${'x\n'.repeat(5 * MEGABYTE)}",1\n`, /longer than the 1048576 bytes/, { line: 2 }],
  ['a picture', CSV, bytes([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0]), /looks like a picture\. Send the rows as CSV/, { line: 1 }],
  ['a spreadsheet', CSV, bytes('PK', [3, 4, 20, 0, 6, 0]), /looks like a ZIP archive or a spreadsheet.*save the sheet as CSV/, { line: 1 }],
  ['Parquet', NDJSON, bytes('PAR1', [0x15, 0, 0x15]), /looks like Parquet\. Name its format/, { line: 1 }],
  ['a web page', CSV, '<!doctype html>\n<title>Log in</title>\n', /not a header of "orders"/, { line: 1 }],
  ['a JSON object for rows', JSON_TYPE, '{"rows": []}', /Expected a JSON array of objects/, { line: 1, column: 1 }],
  ['a JSON text for rows', JSON_TYPE, '"rows"', /Expected a JSON array of objects/, { line: 1, column: 1 }],
  ['an array of numbers', JSON_TYPE, '[1, 2]', /Expected a row as a JSON object/, { line: 1, column: 2 }],
  ['an array of arrays', JSON_TYPE, '[\n[3, "c", 1]]', /Expected a row as a JSON object/, { line: 2, column: 1 }],
  ['CSV that is called JSON', JSON_TYPE, `${HEAD}3,c,1\n`, /Expected a JSON array of objects/, { line: 1, column: 1 }],
  ['an empty JSON', JSON_TYPE, '', /empty\. Expected JSON objects/, {}],
  ['a JSON cut off in a row', JSON_TYPE, '[{"id": 3},\n {"id": 4, "na', /cut off: the row that begins here/, { line: 2, column: 2 }],
  ['a JSON cut off between rows', JSON_TYPE, '[{"id": 3},\n', /cut off/, { line: 2, column: 1 }],
  ['two arrays', JSON_TYPE, '[{"id": 3}]\n[{"id": 4}]', /goes on behind the end/, { line: 2, column: 1 }],
  ['rows without a comma', JSON_TYPE, '[{"id": 3} {"id": 4}]', /Expected a comma/, { line: 1, column: 12 }],
  ['a row deeper than anyone writes', JSON_TYPE, `[{"id": ${'['.repeat(600)}`, /nested deeper than 512/, { line: 1, column: 2 }],
  ['an unknown key', NDJSON, '{"id": 3}\n{"id": 4, "colour": "red"}\n', /has "colour", which is not in the contract/, { line: 2, extra: ['colour'] }],
  ['lines that are no objects', NDJSON, '3\n4\n', /No row is a JSON object\. Expected one object per line/, { line: 1 }],
  ['a JSON value of 10 MB', NDJSON, `{"id": 3}\n{"name": "${'x'.repeat(10 * MEGABYTE)}"}\n`, /line 2 is longer/, { line: 2 }],
  [
    'a row of JSON nested 100,000 deep',
    NDJSON,
    `{"id": 3}\n{"id": ${'['.repeat(100_000)}${']'.repeat(100_000)}}\n`,
    /nested deeper than 512/,
    { line: 2, column: 519 },
  ],
  ['half a gzip', CSV, packed(gzip(HEAD + randomBytes(9000).toString('hex')).subarray(0, 4000)), /gzip content is cut off.*Send the whole of it/, {}],
  ['two bytes of a gzip', CSV, packed(gzip(ROWS).subarray(0, 2)), /gzip content is cut off/, {}],
  ['a gzip with a bad byte', CSV, packed(damaged(gzip(HEAD + randomBytes(900).toString('hex')))), /gzip content is damaged/, {}],
  ['more behind a gzip', CSV, packed(Buffer.concat([gzip(ROWS), Buffer.from('more')])), /gzip/, {}],
  ['a gzip in a gzip', CSV, packed(gzip(gzip(ROWS))), /packed with gzip twice\. Unpack it once/, { line: 1 }],
  [
    'a gzip bomb',
    CSV,
    packed(gzip(Buffer.alloc(20 * MEGABYTE, 'x'))),
    /larger than the 16777216 bytes.*HEADGATE_MAX_UPLOAD_BYTES/,
    { expected: 16 * MEGABYTE },
  ],
];

function damaged(content: Buffer): Buffer {
  return Buffer.concat([content.subarray(0, 60), Buffer.from([0xff, 0xff, 0xff, 0xff]), content.subarray(64)]);
}

describe('a file that can not be loaded is refused with its place, and nothing of it stays', () => {
  test.each(FILES)('%s', async (_what, type, body, says, details) => {
    const problem = await witness.changingNothing(async () =>
      expectProblem(await served.upload(engineer, 'orders', body, { 'content-type': type }), 422, { code: 'DATA_REJECTED', says, details }),
    );
    expect(await witness.lastRun()).toEqual({ dataset: 'orders', status: 'FAILED', code: 'DATA_REJECTED', message: problem['detail'] });
    expect(await witness.lastEntry()).toEqual({ action: 'ingest', decision: 'FAILED', code: 'DATA_REJECTED' });
    // Where a line is known, the text has it too: not all read the facts.
    const { line } = details;
    if (typeof line === 'number' && line > 1) expect(problem['detail']).toContain(`line ${line}`);
  });

  test('more bad rows than maxQuarantine allows', async () => {
    const says = /^2 of 3 rows break the contract of "strict", and maxQuarantine allows 40%\. Nothing was loaded; mend the rows, or the contract/;
    await witness.changingNothing(async () =>
      expectProblem(await served.upload(engineer, 'strict', 'id\nx\n1\ny\n'), 422, {
        code: 'DATA_REJECTED',
        says,
        details: { expected: '40%', actual: 2, rowsRead: 3, examples: [{ line: 2 }, { line: 4 }] },
      }),
    );
  });

  test('a document within CSV that is nested 100,000 deep', async () => {
    const body = `id,doc\n1,${'['.repeat(100_000)}\n`;
    const refused: Expected = { code: 'DATA_REJECTED', says: /nested too deep.*Nothing was loaded; mend the file/ };
    await witness.changingNothing(async () => expectProblem(await served.upload(engineer, 'documents', body), 422, refused));
  });

  test('a check that can not be computed', async () => {
    await witness.changingNothing(async () =>
      expectProblem(await served.upload(engineer, 'ratios', 'a,b\n1,0\n'), 422, { code: 'CONTRACT_VIOLATION', says: /division by zero.*always has a value/ }),
    );
    expect(await witness.lastRun()).toMatchObject({ dataset: 'ratios', status: 'FAILED', code: 'CONTRACT_VIOLATION' });
  });
});

describe('an upload that makes no sense is refused before it begins', () => {
  const REQUESTS: readonly (readonly [what: string, dataset: string, query: string, headers: Record<string, string>, status: number, expected: Expected])[] = [
    ['an unknown dataset', 'ordrs', '', {}, 404, { code: 'NOT_FOUND', says: /There is no dataset "ordrs"/, details: { dataset: 'ordrs' } }],
    ['a dataset that is SQL', 'orders%22%3BDROP%20TABLE%20data.orders%3B--', '', {}, 404, { code: 'NOT_FOUND', says: /There is no dataset "orders";DROP/ }],
    ['a dataset with a NUL', 'a%00b', '', {}, 404, { code: 'NOT_FOUND', says: /There is no dataset/ }],
    ['a dataset with a path', '..%2f..%2fetc', '', {}, 404, { code: 'NOT_FOUND', says: /There is no dataset/ }],
    ['a name that is not encoded right', '%zz', '', {}, 400, { code: 'BAD_USER_INPUT', says: /a % is followed by two hexadecimal digits/ }],
    ['a name without end', 'x'.repeat(300), '', {}, 404, { code: 'NOT_FOUND', says: /more than 200 characters/ }],
    [
      'a mode that there is not',
      'orders',
      '?mode=upsert',
      {},
      400,
      { code: 'BAD_USER_INPUT', says: /mode: expected append, replace, merge/, details: { path: 'mode' } },
    ],
    ['a mode twice', 'orders', '?mode=append&mode=replace', {}, 400, { code: 'BAD_USER_INPUT', says: /mode: expected/, details: { path: 'mode' } }],
    ['an unknown parameter', 'orders', '?moed=append', {}, 400, { code: 'BAD_USER_INPUT', says: /known: mode, format, force/, details: { path: 'moed' } }],
    ['an unknown format', 'orders', '?format=xls', {}, 400, { code: 'BAD_USER_INPUT', says: /Expected rows as csv, tsv, ndjson, json.*"xls"/ }],
    ['an unknown content type', 'orders', '', { 'content-type': 'image/png' }, 400, { code: 'BAD_USER_INPUT', says: /"image\/png".*Name the format/ }],
    ['an unknown encoding', 'orders', '', { 'content-encoding': 'br' }, 400, { code: 'BAD_USER_INPUT', says: /gzip, zstd or none, got "br"/ }],
    ['a force that is no answer', 'orders', '?force=yes', {}, 400, { code: 'BAD_USER_INPUT', says: /true or false/, details: { path: 'force' } }],
    ['a key without end', 'orders', '', { 'idempotency-key': 'k'.repeat(300) }, 400, { code: 'BAD_USER_INPUT', says: /1 to 200 characters/ }],
    ['a merge without a key', 'strict', '?mode=merge', {}, 400, { code: 'BAD_USER_INPUT', says: /"strict" has no key.*append or replace/ }],
    ["a pipeline's own dataset", 'prices', '', {}, 400, { code: 'BAD_USER_INPUT', says: /made by the pipeline "prices"; load its inputs instead/ }],
    ['a key that was used for other content', 'orders', '', { 'idempotency-key': 'first' }, 409, { code: 'CONFLICT', says: /other content\. Use a new key/ }],
  ];

  test.each(REQUESTS)('%s', async (_what, dataset, query, headers, status, expected) => {
    await witness.changingNothing(async () => expectProblem(await served.upload(engineer, dataset, `${HEAD}3,c,1\n`, headers, query), status, expected));
  });

  test('gzip that is announced and is none', async () => {
    const headers = { 'content-encoding': 'gzip' };
    await witness.changingNothing(async () =>
      expectProblem(await served.upload(engineer, 'orders', ROWS, headers), 422, { code: 'DATA_REJECTED', says: /Expected gzip.*the content is not gzip/ }),
    );
  });

  test('who may not load leaves no run', async () => {
    const analyst = await served.token('ann', ['analyst']);
    const runs = await witness.runs();
    const forbidden: Expected = { code: 'FORBIDDEN', says: /needs the role engineer or admin, or a grant with the right ingest/ };
    await witness.changingNothing(async () => expectProblem(await served.upload(analyst, 'orders', ROWS), 403, forbidden));
    await witness.changingNothing(async () =>
      expectProblem(await served.upload(null, 'orders', ROWS), 401, { code: 'UNAUTHENTICATED', says: /needs a credential/ }),
    );
    expect(await witness.runs()).toBe(runs);
  });
});
