import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialectRequest, type SaidDialect } from '../../src/ingestion/index.js';
import { detectDialect } from '../../src/ingestion/dialect/detect-dialect.js';
import { dataset, install, setup, type LoadSetup } from './setup.js';

let it: LoadSetup;

beforeAll(async () => {
  it = await setup();
});

afterAll(() => it?.close());

const SALES = dataset('sales', [
  { name: 'id', type: 'integer', required: true },
  { name: 'name', type: 'text' },
  { name: 'amount', type: 'decimal' },
  { name: 'sold_on', type: 'date' },
]);

const ROWS = [
  { id: '1', name: 'Müller "&" Söhne; 5 €', amount: '1234.5', sold_on: '2001-12-31' },
  { id: '2', name: "l'été\nde Zoë", amount: '-0.25', sold_on: '2001-01-13' },
  { id: '3', name: null, amount: null, sold_on: null },
];

const GERMAN = 'id;name;amount;sold_on\r\n1;"Müller ""&"" Söhne; 5 €";1.234,5;31.12.2001\r\n2;"l\'été\nde Zoë";-0,25;13.01.2001\r\n3;;;\r\n';
const windows = (text: string) => Buffer.from(text.replaceAll('€', '\u0080'), 'latin1');
const utf16 = (text: string) => Buffer.from(text, 'utf16le');

const FILES: readonly (readonly [name: string, content: Buffer, said: SaidDialect])[] = [
  ['semicolons, Windows letters, decimal comma, German dates', windows(GERMAN), { delimiter: ';', encoding: 'windows-1252', decimal: 'comma' }],
  ['UTF-16 with a mark', utf16(`\ufeff${GERMAN}`), { delimiter: 'semicolon', encoding: 'utf-16le', decimal: 'comma' }],
  ['UTF-16 of the other order, without a mark', utf16(GERMAN).swap16(), { delimiter: ';', encoding: 'utf-16be', decimal: 'comma' }],
  ['UTF-8 with a mark, no header', Buffer.from(`\ufeff${GERMAN.slice(GERMAN.indexOf('\n') + 1)}`), { delimiter: ';', header: false, decimal: 'comma' }],
  [
    'single quotes and bars',
    Buffer.from("'id'|'name'|'amount'|'sold_on'\n1|'Müller \"&\" Söhne; 5 €'|1234.5|'31.12.2001'\n2|'l''été\nde Zoë'|-0.25|'13.01.2001'\n3|||\n"),
    { delimiter: '|', quote: 'single' },
  ],
];

describe.each(FILES)('%s', (name, content, said) => {
  const of = (kind: string) => dataset(`${kind}_${FILES.findIndex(([other]) => other === name)}`, SALES.fields);

  test('are read as they are said to be', async () => {
    const target = dataset(
      of('said').name,
      SALES.fields.map((field) => (field.type === 'date' ? { ...field, format: 'DD.MM.YYYY' } : field)),
    );
    await install(it.database, target);
    expect(await it.load(target, content, { dialect: dialectRequest(said) })).toMatchObject({ read: 3, loaded: 3 });
    expect(await it.rows(target)).toEqual(ROWS);
  });

  test('are found out', async () => {
    const target = of('detected');
    await install(it.database, target);
    const bytewise = { source: { stream: Readable.from([...content].map((byte) => Buffer.from([byte]))) } };
    expect(await it.load(target, content, { dialect: dialectRequest({ detect: true }), ...bytewise })).toMatchObject({ read: 3, loaded: 3 });
    expect(await it.rows(target)).toEqual(ROWS);
  });
});

test('nothing is guessed unless it is asked for, and the refusal says how to ask', async () => {
  const target = dataset('unguessed', SALES.fields);
  await install(it.database, target);
  expect((await it.refusal(target, GERMAN)).message).toContain('--detect');
  expect((await it.refusal(target, windows('id,name,amount,sold_on\n1,é,,\n'))).message).toContain('--encoding windows-1252');
  expect((await it.refusal(target, utf16('\ufeffid,name'))).message).toContain('--encoding utf-16le');
  expect((await it.refusal(target, Buffer.from([0xff, 0x41]), { dialect: dialectRequest({ encoding: 'shift_jis' }) })).code).toBe('DATA_REJECTED');
});

test('a number with a point is none where decimals have commas', async () => {
  const target = dataset('points', SALES.fields);
  await install(it.database, target);
  const csv = 'id;name;amount;sold_on\n1;a;1.5;\n2;b;1.500;\n3;c;1,5;\n4;d;x;\n';
  expect(await it.load(target, csv, { dialect: dialectRequest({ delimiter: ';', decimal: 'comma' }) })).toMatchObject({ read: 4, loaded: 2, quarantined: 2 });
  expect((await it.rows(target)).map(({ amount }) => amount)).toEqual(['1500', '1.5']);
  expect((await it.quarantined(target)).map(({ raw }) => raw['amount'])).toEqual(['1.5', 'x']);
});

test('the same text read in another way is other content', async () => {
  const target = dataset('twice', SALES.fields);
  await install(it.database, target);
  const csv = '1,a,1,\n2,b,2,\n';
  expect(await it.load(target, csv, { dialect: dialectRequest({ header: false }) })).toMatchObject({ loaded: 2, repeated: false });
  expect(await it.load(target, csv, { dialect: dialectRequest({ header: false }) })).toMatchObject({ loaded: 0, repeated: true });
});

test('JSON is read in other encodings too', async () => {
  const target = dataset('json_utf16', [{ name: 'a', type: 'text' }]);
  await install(it.database, target);
  await it.load(target, utf16('\ufeff[{"a": "Zoë €"}]'), { format: 'json', dialect: dialectRequest({ detect: true }) });
  expect(await it.rows(target)).toEqual([{ a: 'Zoë €' }]);
});

test.each([
  [{ delimiter: 'ab' }, 'delimiter'],
  [{ delimiter: '"' }, 'delimiter'],
  [{ quote: 'triple' }, 'quote'],
  [{ encoding: 'klingon' }, 'encoding'],
  [{ decimal: 'dot' }, 'decimal'],
])('what can be none is refused: %j', (said, path) => {
  expect(() => dialectRequest(said)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT', details: { path } }) as Error);
});

test.each([
  ['a,b\n1,2\n3,4\n', { delimiter: ',', header: true }],
  ['a;b\n1,5;2\n3;4,5\n', { delimiter: ';', header: true, decimal: 'comma' }],
  ['a\tb c, d\n1\tx, y\n', { delimiter: '\t', header: true }],
  ['1,2\n3,4\n', { delimiter: ',', header: false }],
  ['name,city\nann,rome\nbob,oslo\n', { delimiter: ',', header: true }],
  ['text\n"a, b"\n"c"\n', { header: true }],
  ["x|y\n'a|b'|'c'\n'd'|'e''f'\n", { delimiter: '|', quote: 'single' }],
  ["word,it's\n'tis,'twas\nx,y\n", { delimiter: ',', quote: 'double' }],
])('a dialect without a contract: %j', (text, expected) => {
  expect(detectDialect(Buffer.from(text), true, 'csv', {})).toMatchObject(expected);
});
