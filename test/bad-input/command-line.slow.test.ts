import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { headgate, headgateHere, type Ended } from '../cli/support.js';
import { Served } from '../support/served.js';
import { applied, expectPlain, loaded, Witness } from './refusal.js';

const MANIFESTS = `
kind: Dataset
name: orders
fields: [{ name: id, type: bigint }, { name: price, type: decimal }]
key: [id]
---
kind: Dataset
name: strict
maxQuarantine: 0
fields: [{ name: id, type: bigint }]
`;

let folder: string;
let served: Served;
let witness: Witness;
let env: NodeJS.ProcessEnv;

const FILES: Readonly<Record<string, string | Uint8Array>> = {
  'good.csv': 'id,price\n3,1\n',
  'empty.csv': '',
  'missing.csv': 'id\n3\n',
  'extra.csv': 'id,price,colour\n3,1,red\n',
  'ragged.csv': 'id,price\n3,1\n4\n',
  'quote.csv': 'id,price\n3,1\n4,"2\n',
  'latin.csv': Buffer.from('id,price\n3,\xe9\n', 'latin1'),
  'wide.csv': `id,price\n3,1\n4,${'9'.repeat(10 * 1024 * 1024)}\n`,
  'object.json': '{"rows": []}',
  'cut.json': '[{"id": 3},',
  'extra.ndjson': '{"id": 3}\n{"id": 4, "colour": "red"}\n',
  'half.csv.gz': gzipSync(`id,price\n${'3,1\n'.repeat(5000)}`).subarray(0, 60),
  'plain.csv.gz': 'id,price\n3,1\n',
  'strict.csv': 'id\n1\nx\n',
  'book.xls': 'id,price\n3,1\n',
  'good.yaml': 'kind: Purpose\nname: p\n',
  'key.yaml': 'kind: Dataset\nname: orders\nfields:\n  - { name: id, type: bigint, requird: true }\n',
  'reserved.yaml': 'kind: Dataset\nname: datasets\nfields: [{ name: id, type: bigint }]\n',
  'type.yaml': 'kind: Dataset\nname: orders\nfields: [{ name: id, type: bigint }, { name: price, type: date }]\nkey: [id]\n',
  'broken.yaml': 'kind: Dataset\nname: [x\n',
  'latin.yaml': Buffer.from('kind: Purpose\nname: p\ndescription: caf\xe9\n', 'latin1'),
  'nothing.yaml': '# nothing\n',
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-bad-'));
  await mkdir(join(folder, 'hollow'));
  for (const [name, content] of Object.entries(FILES)) await writeFile(join(folder, name), content);
  served = await Served.start();
  witness = await Witness.of(served);
  env = { HEADGATE_HOME: served.home };
  await writeFile(join(served.home, 'server.json'), JSON.stringify({ url: served.url, pid: process.pid }));
  await applied(served, MANIFESTS);
  await loaded(served, 'orders', 'id,price\n1,1.50\n2,2\n');
});

afterAll(async () => {
  await witness.close();
  await served.close();
  await rm(folder, { recursive: true, force: true });
});

const inFolder = (args: readonly string[]): string[] =>
  args.map((arg) => (arg in FILES || arg === 'hollow' || arg.startsWith('no-such') ? join(folder, arg) : arg));

/** As people see it, and with --json; each time it changes nothing. */
async function expectRefused(args: readonly string[], exit: number, code: string, says: RegExp, details: object = {}): Promise<void> {
  const [plain, json] = await witness.changingNothing(
    async () => [await headgateHere(inFolder(args), { env }), await headgateHere([...inFolder(args), '--json'], { env })] as [Ended, Ended],
  );
  expectPlain(plain.stderr);
  expect(plain).toEqual({ code: exit, stdout: '', stderr: expect.stringMatching(says) as string });
  expect(plain.stderr.startsWith(`${code}: `)).toBe(true);
  expect({ code: json.code, stdout: json.stdout }).toEqual({ code: exit, stdout: '' });
  expect(json.stderr.trimEnd()).not.toContain('\n');
  expect(JSON.parse(json.stderr)).toEqual({
    error: { code, message: expect.stringMatching(says) as string, details: expect.objectContaining(details) as object },
  });
}

describe('a file that can not be loaded', () => {
  test.each<[args: string[], exit: number, code: string, says: RegExp, details?: object]>([
    [['ingest', 'orders', 'no-such.csv'], 1, 'NOT_FOUND', /There is no file ".*no-such\.csv"/],
    [['ingest', 'orders', 'hollow', '--format', 'csv'], 1, 'BAD_USER_INPUT', /is a folder; expected a file with rows/],
    [['ingest', 'ordrs', 'good.csv'], 1, 'NOT_FOUND', /There is no dataset "ordrs"/, { dataset: 'ordrs' }],
    [['ingest', 'orders', 'book.xls'], 1, 'BAD_USER_INPUT', /Expected rows as csv.*Name the format: --format csv/],
    [['ingest', 'strict', 'strict.csv', '--mode', 'merge'], 1, 'BAD_USER_INPUT', /"strict" has no key/],
    [['ingest', 'orders', 'empty.csv'], 3, 'DATA_REJECTED', /empty\.csv: The file is empty\. Expected a header with the columns id, price/],
    [['ingest', 'orders', 'missing.csv'], 3, 'DATA_REJECTED', /missing\.csv:1: .*missing: price/, { line: 1, missing: ['price'] }],
    [['ingest', 'orders', 'extra.csv'], 3, 'DATA_REJECTED', /extra\.csv:1: .*not in the contract: colour/, { line: 1, extra: ['colour'] }],
    [['ingest', 'orders', 'ragged.csv'], 3, 'DATA_REJECTED', /ragged\.csv:3: The line has 1 field; the header has 2/, { line: 3 }],
    [['ingest', 'orders', 'quote.csv'], 3, 'DATA_REJECTED', /quote\.csv:3:3: A quote is opened and never closed/, { line: 3, column: 3 }],
    [['ingest', 'orders', 'latin.csv'], 3, 'DATA_REJECTED', /latin\.csv:2:3: The file is not UTF-8/, { line: 2, column: 3 }],
    [['ingest', 'orders', 'wide.csv'], 3, 'DATA_REJECTED', /wide\.csv:3: The row at line 3 is longer/, { line: 3 }],
    [['ingest', 'orders', 'object.json'], 3, 'DATA_REJECTED', /object\.json:1:1: Expected a JSON array of objects/, { line: 1, column: 1 }],
    [['ingest', 'orders', 'cut.json'], 3, 'DATA_REJECTED', /cut\.json:1:12: The JSON is cut off/, { line: 1, column: 12 }],
    [['ingest', 'orders', 'extra.ndjson'], 3, 'DATA_REJECTED', /extra\.ndjson:2: .*"colour", which is not in the contract/, { line: 2 }],
    [['ingest', 'orders', 'half.csv.gz'], 3, 'DATA_REJECTED', /half\.csv\.gz: The gzip content is cut off/],
    [['ingest', 'orders', 'plain.csv.gz'], 3, 'DATA_REJECTED', /plain\.csv\.gz: Expected gzip, as the name or the header says/],
    [
      ['ingest', 'strict', 'strict.csv'],
      3,
      'DATA_REJECTED',
      /1 of 2 rows break the contract of "strict", and maxQuarantine allows 0/,
      { expected: '0', actual: 1 },
    ],
  ])('%j ends with %i and %s', (args, exit, code, says, details) => expectRefused(args, exit, code, says, details));

  test('as a process of its own, on standard input', async () => {
    await witness.changingNothing(async () => {
      const { code, stdout, stderr } = await headgate(['ingest', 'orders', '-', '--format', 'csv'], { env, input: 'id,price\n3\n' });
      expect({ code, stdout, stderr }).toEqual({ code: 3, stdout: '', stderr: 'DATA_REJECTED: The line has 1 field; the header has 2. (line 2)\n' });
    });
    expect(await witness.lastRun()).toMatchObject({ dataset: 'orders', status: 'FAILED', code: 'DATA_REJECTED' });
  });

  test('rows that break the contract do not fail a load, unless the contract says so', async () => {
    const file = join(folder, 'some.csv');
    await writeFile(file, 'id,price\n1,1.50\n5,x\n');
    expect(await headgateHere(['ingest', 'orders', file], { env })).toMatchObject({ code: 0, stdout: expect.stringMatching(/1 quarantined/) as string });
  });
});

describe('a manifest that can not be applied', () => {
  test.each<[args: string[], code: string, says: RegExp, details?: object]>([
    [['apply', 'no-such.yaml'], 'NOT_FOUND', /There is no file or folder ".*no-such\.yaml"/],
    [['apply', 'hollow'], 'BAD_USER_INPUT', /holds no manifests: expected files that end in \.yaml or \.yml/],
    [['apply', 'latin.yaml'], 'BAD_USER_INPUT', /latin\.yaml" is not text in UTF-8/],
    [['apply', 'nothing.yaml'], 'BAD_USER_INPUT', /There is no document in .*nothing\.yaml/],
    [['apply', 'broken.yaml'], 'BAD_USER_INPUT', /broken\.yaml:3:1: this is not YAML/, { line: 3, column: 1 }],
    [
      ['apply', 'good.yaml', 'key.yaml'],
      'BAD_USER_INPUT',
      /key\.yaml:4:31: Dataset orders, fields\[0\]\.requird: unknown key "requird"\. Did you mean "required"\?/,
      { line: 4, column: 31, path: 'fields[0].requird' },
    ],
    [['apply', 'good.yaml', 'reserved.yaml'], 'BAD_USER_INPUT', /reserved\.yaml:2:7: .*the name is reserved/, { line: 2, path: 'name' }],
    [['apply', 'good.yaml', 'type.yaml'], 'CONFLICT', /type\.yaml:3:\d+: Dataset orders, fields\[1\]/, { line: 3 }],
    [['apply', 'type.yaml', '--dry-run'], 'CONFLICT', /type\.yaml:3:\d+: Dataset orders, fields\[1\]/, { line: 3 }],
  ])('%j ends with 1', (args, code, says, details) => expectRefused(args, 1, code, says, details));

  test('the help says how it ends', async () => {
    expect((await headgateHere(['apply', '--help'])).stdout).toMatch(/Exits with 1 when a manifest is refused/);
    expect((await headgateHere(['ingest', '--help'])).stdout).toMatch(/Exits with 3 when/);
    expect((await headgateHere(['--help'])).stdout).toMatch(/Exit codes: 0 done; 1 failed.*; 2 wrong usage; 3 the data or a check was rejected/);
  });
});

describe('a command that is called wrongly', () => {
  test.each<[args: string[], says: RegExp]>([
    [['ingst'], /unknown command 'ingst'.*Did you mean ingest\?/s],
    [['ingest', 'orders', 'good.csv', '--forse'], /unknown option '--forse'.*Did you mean --force\?/s],
    [['ingest', 'orders'], /missing required argument 'files'/],
    [['quality', 'check', 'orders', 'strict'], /too many arguments/],
    [['ingest', 'orders', 'good.csv', '--mode', 'upsert'], /Allowed choices are append, replace, merge/],
    [['ingest', 'orders', 'good.csv', '--format'], /argument missing/],
    [['apply'], /missing required argument 'paths'/],
    [['audit', 'export', '--format', 'csv'], /Allowed choices are ndjson/],
    [['pipeline', 'start'], /unknown command 'start'/],
  ])('%j ends with 2 and a hint', async (args, says) => {
    const plain = await headgateHere(inFolder(args), { env });
    expectPlain(plain.stderr);
    expect(plain).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(says) as string });
    expect(plain.stderr).toContain('headgate --help tells what there is');
    const json = await headgateHere(['--json', ...inFolder(args)], { env });
    expect({ code: json.code, stdout: json.stdout }).toEqual({ code: 2, stdout: '' });
    expect(JSON.parse(json.stderr)).toEqual({ error: { code: 'BAD_USER_INPUT', message: expect.stringMatching(says) as string, details: {} } });
  });

  test('no command at all, and half a command', async () => {
    for (const args of [[], ['audit']]) {
      expect(await headgateHere(args)).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(/Usage: headgate/) as string });
      const { code, stderr } = await headgateHere([...args, '--json']);
      expect([code, JSON.parse(stderr)]).toEqual([
        2,
        { error: { code: 'BAD_USER_INPUT', message: 'A command is missing. headgate --help tells what there is.', details: {} } },
      ]);
    }
  });
});

describe('what else can be wrong', () => {
  test.each<[args: string[], code: string, says: RegExp]>([
    [['export', '--url', 'http://127.0.0.1:1'], 'UNAVAILABLE', /http:\/\/127\.0\.0\.1:1 can't be reached/],
    [['export', '--url', 'ftp://127.0.0.1'], 'BAD_USER_INPUT', /--url: expected an http/],
    [['export', '--token', 'a.b.c'], 'UNAUTHENTICATED', /The bearer token is not valid/],
    [['export', '--out', 'good.csv'], 'BAD_USER_INPUT', /--out: ".*good\.csv" can't be written to/],
    [['pipeline', 'run', 'unknown', '--wait'], 'NOT_FOUND', /There is no pipeline "unknown"/],
    [['run', 'show', 'x'], 'NOT_FOUND', /There is no run "x"/],
    [['run', 'cancel', '00000000-0000-7000-8000-000000000000'], 'NOT_FOUND', /There is no run/],
    [['quality', 'check', 'unknown'], 'NOT_FOUND', /There is no dataset "unknown"/],
    [['schema', 'print', '--url', 'http://127.0.0.1:1'], 'UNAVAILABLE', /can't be reached/],
    [['audit', 'verify', '--checkpoints', 'no-such.ndjson'], 'BAD_USER_INPUT', /checkpoints file .* can't be read/],
    [['audit', 'verify', '--checkpoints', 'good.csv'], 'BAD_USER_INPUT', /checkpoint/],
    [['token', 'create', '--sub', 'x', '--ttl', 'soon'], 'BAD_USER_INPUT', /ttl: expected/],
  ])('%j ends with 1', (args, code, says) => expectRefused(args, 1, code, says));
});
