import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/kernel/index.js';
import { httpCollector, type CollectorType } from '../../../src/ingestion/index.js';
import { Outbound } from '../../../src/outbound/index.js';
import { HttpClients } from '../../../src/sources/index.js';
import { ApiServer, json, type Answering, type Asked } from '../../support/api-server.js';
import { Collecting } from './collecting.js';

let api: ApiServer;
let outbound: Outbound;
let collecting: Collecting;
let types: Map<string, CollectorType>;
let n = 0;

beforeAll(async () => {
  api = await ApiServer.start(() => undefined);
  outbound = new Outbound({ allow: [], log: silentLog });
  const secrets = new Map([['HEADGATE_SECRET_SHOP', `${api.url}/v1?api_key=of-the-shop`]]);
  types = new Map([['http', httpCollector(new HttpClients({ secrets, outbound, log: silentLog, restMs: 20, random: () => 0 }))]]);
  collecting = await Collecting.open(types, secrets);
  await collecting.apply('kind: Source\nname: shop\ntype: http\nurl: ${HEADGATE_SECRET_SHOP}\n');
});

beforeEach(() => {
  n += 1;
  api.asked.length = 0;
});

afterAll(async () => {
  await collecting.close();
  await outbound.close();
  await api.close();
});

const FIELDS = 'fields: [{ name: id, type: bigint }, { name: note, type: text }, { name: changed, type: timestamp }]';

/** A dataset and a collector with names of their own. */
async function declare(http: string, { mode = 'append', key = '[id]', fields = FIELDS, batch = '{ rows: 1 }' } = {}): Promise<string> {
  const name = `orders_${n}`;
  await collecting.apply(documents(http, { mode, key, fields, batch }));
  return name;
}

function documents(http: string, { mode = 'append', key = '[id]', fields = FIELDS, batch = '{ rows: 1 }' } = {}): string {
  const name = `orders_${n}`;
  const keyed = key === '' ? '' : `key: ${key}\n`;
  return `kind: Dataset\nname: ${name}\n${fields}\n${keyed}---\nkind: Collector\nname: ${name}\nsource: shop\ndataset: ${name}\nmode: ${mode}\nbatch: ${batch}\nhttp: ${http}\n`;
}

interface Row {
  readonly id: number;
  readonly note?: string;
  readonly changed?: string;
}
const ROWS: readonly Row[] = Array.from({ length: 7 }, (_, i) => ({
  id: i + 1,
  note: `row ${i + 1}`,
  changed: new Date(1_700_000_000_000 + i * 1_000).toISOString(),
}));

/** A page of `size` rows from `from` on, whatever way it is asked for. */
function pageOf(rows: readonly Row[], from: number, size: number): readonly Row[] {
  return rows.slice(from, from + size);
}

const numberOf = (asked: Asked, name: string) => Number(asked.query.get(name) ?? 0);

/** The ways of APIs, each with the documents that walk it. */
const WAYS: readonly (readonly [string, string, Answering])[] = [
  [
    'page numbers, until a page is empty',
    '{ path: /orders, items: /data, pages: { by: page, parameter: page, size: { parameter: size, rows: 3 } } }',
    (asked, response) => json(response, { data: pageOf(ROWS, (numberOf(asked, 'page') - 1) * 3, 3) }),
  ],
  [
    'page numbers from 0, until all are there',
    '{ path: /orders, items: /data, count: /meta/total, pages: { by: page, parameter: page, first: 0 } }',
    (asked, response) => json(response, { meta: { total: 7 }, data: pageOf(ROWS, numberOf(asked, 'page') * 3, 3) }),
  ],
  [
    'offsets of a source that gives fewer rows than it is asked for',
    '{ path: /orders, pages: { by: offset, parameter: offset, size: { parameter: limit, rows: 100 } } }',
    (asked, response) => json(response, pageOf(ROWS, numberOf(asked, 'offset'), 2)),
  ],
  [
    'cursors, with empty pages between',
    '{ path: /orders, items: /data/items, pages: { by: cursor, parameter: after, next: /data/next } }',
    (asked, response) => {
      const from = numberOf(asked, 'after');
      const isGap = from % 2 === 1;
      json(response, { data: { next: from < 8 ? String(from + 1) : null, items: isGap ? [] : pageOf(ROWS, from, 2) } });
    },
  ],
  [
    'cursors whose last page says that there are no more',
    '{ path: /orders, items: /rows, pages: { by: cursor, parameter: after, next: /next, more: /has_more } }',
    (asked, response) => {
      const from = numberOf(asked, 'after');
      json(response, { rows: pageOf(ROWS, from, 3), next: String(from + 3), has_more: from + 3 < 7 });
    },
  ],
  [
    'links in a header',
    '{ path: /orders, query: { state: open }, pages: { by: link } }',
    (asked, response) => {
      const from = numberOf(asked, 'from');
      const next = `</v1/orders?from=${from + 3}&state=open>; rel="next", </v1/orders>; rel="first"`;
      json(response, pageOf(ROWS, from, 3), from + 3 < 7 ? { link: next } : {});
    },
  ],
  [
    'URLs in the answer',
    '{ path: /orders, items: /results, pages: { by: url, next: /links/next } }',
    (asked, response) => {
      const from = numberOf(asked, 'from');
      const next = from + 3 < 7 ? `${api.url}/v1/orders?from=${from + 3}&api_key=of-the-shop` : null;
      json(response, { links: { next }, results: pageOf(ROWS, from, 3) });
    },
  ],
  [
    'offsets in the body of a POST',
    '{ path: /search, method: POST, body: { filter: { a: 1 }, paging: { limit: 3 } }, items: /hits, pages: { by: offset, parameter: /paging/offset } }',
    (asked, response) => {
      const { filter, paging } = JSON.parse(asked.body) as { filter: object; paging: { offset: number; limit: number } };
      json(response, { hits: JSON.stringify(filter) === '{"a":1}' ? pageOf(ROWS, paging.offset, paging.limit) : [] });
    },
  ],
];

describe('all pages are taken', () => {
  test.each(WAYS)('by %s', async (_, http, answer) => {
    api.answer = answer;
    for (const mode of ['append', 'replace', 'merge']) {
      const name = await declare(http, { mode });
      expect((await collecting.collect(name)).errorMessage).toBeNull();
      expect(await collecting.rows(name, 'id::int, note')).toEqual(ROWS.map(({ id, note }) => ({ id, note })));
      expect(await collecting.position(name)).toEqual({});
    }
    for (const { query, path } of api.asked) {
      expect(query.get('api_key')).toBe('of-the-shop');
      expect(path).toMatch(/^\/v1\//);
    }
  });

  test('of a source that has one page, and of one that has no rows', async () => {
    api.answer = (_, response) => json(response, { data: ROWS });
    const name = await declare('{ path: /orders, items: /data }', { mode: 'replace' });
    await collecting.collect(name);
    expect(await collecting.rows(name)).toHaveLength(7);
    api.answer = (_, response) => json(response, { data: [] });
    expect((await collecting.collect(name)).errorMessage).toBeNull();
    expect(await collecting.rows(name)).toHaveLength(0);
    api.answer = (_, response) => json(response, { data: null });
    expect((await collecting.collect(await declare('{ path: /orders, items: /data }'))).errorMessage).toBeNull();
  });

  test('with fields from where they are, and numbers as they were written', async () => {
    api.answer = (_, response) =>
      json(response, '[{"key":{"no":9007199254740993},"sum":1234567890123456789.10,"list":["a"],"x":1},\n{"key":{"no":2},"sum":null}]');
    const fields = 'fields: [{ name: id, type: bigint }, { name: amount, type: decimal }, { name: first, type: text }]';
    const name = await declare('{ path: /orders, fields: { id: /key/no, amount: /sum, first: /list/0 } }', { fields });
    expect((await collecting.collect(name)).errorMessage).toBeNull();
    expect(await collecting.rows(name, 'id::text, amount::text, first')).toEqual([
      { id: '2', amount: null, first: null },
      { id: '9007199254740993', amount: '1234567890123456789.10', first: 'a' },
    ]);
  });
});

test('a page of a row is made of what fields say, with when it was asked for, and of the other members where they are wanted', async () => {
  api.answer = (_, response) => json(response, '[{"key":{"no":1},"sum":1.10,"x":{"y":1}}]');
  const fields =
    'fields: [{ name: id, type: bigint }, { name: sum, type: decimal }, { name: x, type: json }, { name: key, type: json }, { name: at, type: timestamp }]';
  const name = await declare('{ path: /orders, fields: { id: /key/no, at: $receivedAt, x: /x/y }, rest: true }', { fields });
  expect((await collecting.collect(name)).errorMessage).toBeNull();
  expect(await collecting.rows(name, "id::int, sum::text, x, key, at > now() - interval '1 minute' AS fresh")).toEqual([
    { id: 1, sum: '1.10', x: 1, key: { no: 1 }, fresh: true },
  ]);
});

test.each([
  ['{ path: /o, rest: true }', 'without fields all members of a row are taken; leave rest out'],
  ['{ path: /o, fields: { id: /id }, rest: false }', 'expected true; leave it out'],
  ['{ path: /o, fields: { id: id } }', 'expected a JSON pointer into what is delivered, such as /order/total, or a fact of the delivery: $receivedAt'],
  ['{ path: /o, fields: { id: $time } }', 'a fact of the delivery: $receivedAt'],
  ['{ path: /o, fields: { idd: /id } }', 'has no field "idd". Did you mean "id"?'],
  ['{ path: /o, pages: { by: next, next: /n } }', 'expected by: page, offset, cursor, link or url'],
  ['{ path: /o, pages: { by: page, parameter: p, sizeParameter: n, size: 3 } }', 'unknown key "sizeParameter"'],
  ['{ path: /o, pages: { by: page, parameter: p, size: { parameter: n } } }', 'pages.size.rows'],
  ['{ path: /o, count: /n, pages: { by: link } }', 'count: the number of all rows ends pages by page and by offset, and no others; leave it out'],
  ['{ path: /o, count: /n }', 'leave it out'],
  ['{ path: /o, limits: { pageBytes: 1 } }', 'limits.pageBytes'],
  ['{ path: /o, since: { field: /changed, parameter: from } }', 'unknown key "field"'],
  ['{ path: /o, since: { pointer: changed, parameter: from } }', 'since.pointer: expected a JSON pointer'],
  ['{ path: /o, since: { pointer: "", parameter: from } }', 'expected a JSON pointer to a member of a row, such as /updated_at'],
  ['{ path: /o, since: { pointer: /n, parameter: from, format: number, lag: 1m } }', 'a number has no lag; leave it out'],
])('%s is refused, with what was expected', async (http, problem) => {
  expect(await collecting.refusal(documents(http, { mode: 'merge' }))).toContain(problem);
});

describe('what is new is asked for', () => {
  test('from the lag before the latest row on, and rows that are there already stay as they are', async () => {
    let rows = [...ROWS];
    const asked: (string | null)[] = [];
    api.answer = ({ query }, response) => {
      const since = query.get('updated_since');
      asked.push(since);
      const found = rows.filter(({ changed = '' }) => since === null || changed >= since);
      // Not in their order.
      json(response, found.toReversed());
    };
    const since = '{ pointer: /changed, parameter: updated_since, lag: 2s, start: 2020-01-01T00:00:00Z }';
    const name = await declare(`{ path: /orders, since: ${since} }`, { mode: 'merge' });
    await collecting.collect(name);
    expect(await collecting.position(name)).toEqual({ since: '2023-11-14T22:13:26.000Z' });
    rows = rows.map((row) => (row.id === 6 ? { ...row, note: 'changed', changed: '2023-11-14T22:13:27.000Z' } : row));
    rows.push({ id: 8, note: 'late', changed: '2023-11-14T22:13:24.500Z' });
    const run = await collecting.collect(name);
    expect(run).toMatchObject({ rowsRead: '4', rowsLoaded: '2', rowsDeduplicated: '2' });
    expect(asked).toEqual(['2020-01-01T00:00:00Z', '2023-11-14T22:13:24.000Z']);
    expect(await collecting.rows(name, 'id::int, note')).toEqual(rows.map(({ id, note }) => ({ id, note })));
    await collecting.collect(name);
    expect(asked.at(-1)).toBe('2023-11-14T22:13:25.000Z');
  });

  test.each([
    ['unix', 1_700_000_006, '1700000004'],
    ['unix_ms', 1_700_000_006_000, '1700000004000'],
    ['date', '2023-11-14', '2023-11-13'],
    ['number', 42, '42'],
  ])('in the form %s', async (format, value, next) => {
    api.answer = (_, response) => json(response, [{ id: 1, note: String(value) }]);
    const fields = 'fields: [{ name: id, type: bigint }, { name: note, type: text }]';
    const lag = format === 'number' ? '' : ', lag: 2s';
    const name = await declare(`{ path: /orders, since: { pointer: /note, parameter: from, format: ${format}${lag} } }`, { mode: 'merge', fields });
    for (let i = 0; i < 2; i += 1) expect((await collecting.collect(name)).errorMessage).toBeNull();
    expect(api.asked.map(({ query }) => query.get('from'))).toEqual([null, next]);
  });

  test('not from the future, because one row says that it is from there', async () => {
    api.answer = (_, response) => json(response, [{ ...ROWS[0], changed: '2199-01-01T00:00:00Z' }]);
    const name = await declare('{ path: /orders, since: { pointer: /changed, parameter: from } }', { mode: 'merge' });
    await collecting.collect(name);
    expect(Date.parse(((await collecting.position(name)) as { since: string }).since)).toBeLessThanOrEqual(Date.now());
  });

  test('only where rows that come again are known', async () => {
    const since = 'since: { pointer: /changed, parameter: from }';
    expect(await collecting.refusal(documents(`{ path: /o, ${since} }`, { key: '' }))).toContain('has no key by which they are known');
    expect(await collecting.refusal(documents(`{ path: /o, ${since} }`, { mode: 'replace' }))).toContain('say mode: merge');
    expect(await collecting.refusal(documents('{ path: /o, body: {} }'))).toContain('method: POST');
    expect(await collecting.refusal(documents('{ path: /o, fields: { nothing: /a } }'))).toContain('has no field');
    expect(await collecting.refusal(documents('{ path: /../admin }'))).toContain('leave');
    expect(await collecting.refusal(documents(`{ path: /o, since: { pointer: /c, parameter: p, start: yesterday } }`))).toContain('expected a value');
  });
});

describe('a source that fails', () => {
  const PAGES = '{ path: /orders, pages: { by: offset, parameter: offset } }';
  const good: Answering = (asked, response) => json(response, pageOf(ROWS, numberOf(asked, 'offset'), 2));

  test.each([
    [
      'dies in the middle of a page',
      (response: import('node:http').ServerResponse) => response.writeHead(200, { 'content-length': '500' }).write('[{"id":5,') && response.destroy(),
    ],
    ['answers with broken JSON in the middle', (response: import('node:http').ServerResponse) => json(response, '[{"id":5,"note":"x"},{"id":oops},{"id":7}]')],
    ['answers with half of its JSON', (response: import('node:http').ServerResponse) => json(response, '[{"id":5,"note":"x"},{"id"')],
    ['answers with something else', (response: import('node:http').ServerResponse) => json(response, { error: 'no' })],
    ['does not let in any more', (response: import('node:http').ServerResponse) => json(response, {}, {}, 403)],
  ])(
    'which %s leaves what was there, and is gone on with at the page where it failed',
    async (_, fail) => {
      const isBad = (asked: Asked) => asked.query.get('offset') === '4';
      api.answer = good;
      const replaced = await declare(PAGES, { mode: 'replace' });
      await collecting.collect(replaced);
      api.answer = (asked, response) => (isBad(asked) ? fail(response) : json(response, pageOf(ROWS.toReversed(), numberOf(asked, 'offset'), 2)));
      const failed = await collecting.collect(replaced);
      // What may pass is tried again by itself.
      expect(failed.status).not.toBe('SUCCEEDED');
      expect(String(failed.errorMessage)).not.toMatch(/row \d|of-the-shop|127\.0\.0\.1|oops/);
      expect(await collecting.rows(replaced)).toHaveLength(7);
      n += 1000;
      api.answer = (asked, response) => (isBad(asked) ? fail(response) : good(asked, response));
      const appended = await declare(PAGES, { key: '' });
      expect((await collecting.collect(appended)).status).not.toBe('SUCCEEDED');
      expect(await collecting.rows(appended)).toHaveLength(4);
      api.asked.length = 0;
      api.answer = good;
      expect((await collecting.collect(appended)).errorMessage).toBeNull();
      expect(api.asked[0]?.query.get('offset')).toBe('4');
      expect((await collecting.rows(appended, 'id::int')).map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      n -= 1000;
    },
    60_000,
  );

  test('which is overrun is waited for', async () => {
    let storm = 6;
    api.answer = (asked, response) =>
      asked.query.get('offset') === '2' && storm-- > 3 ? json(response, {}, { 'retry-after': '0' }, 429) : good(asked, response);
    const name = await declare(PAGES, { mode: 'replace' });
    expect((await collecting.collect(name)).errorMessage).toBeNull();
    expect(await collecting.rows(name)).toHaveLength(7);
  });

  test.each([
    ['the same cursor', '{ path: /o, items: /d, pages: { by: cursor, parameter: c, next: /c } }', (_: Asked) => ({ d: [ROWS[0]], c: 'same' })],
    [
      'cursors in a circle',
      '{ path: /o, items: /d, pages: { by: cursor, parameter: c, next: /c } }',
      (asked: Asked) => ({ d: [], c: asked.query.get('c') === 'a' ? 'b' : 'a' }),
    ],
    ['the same page', '{ path: /o, pages: { by: page, parameter: p } }', () => ROWS],
    ['new pages without end', '{ path: /o, pages: { by: page, parameter: p }, limits: { requests: 5 } }', (asked: Asked) => [{ id: numberOf(asked, 'p') }]],
  ])('which gives %s is not asked for ever', async (_, http, body) => {
    api.answer = (asked, response) => json(response, body(asked));
    const run = await collecting.collect(await declare(http, { mode: 'replace' }));
    expect(run).toMatchObject({ status: 'FAILED', errorCode: 'DATA_REJECTED' });
    expect(api.asked.length).toBeLessThan(7);
  });

  test('whose cursor ran out meanwhile is begun anew, where rows that are there are known', async () => {
    const http = '{ path: /o, items: /d, pages: { by: cursor, parameter: c, next: /c } }';
    const walk: Answering = (asked, response) => {
      const from = numberOf(asked, 'c');
      if (from === 4) return json(response, {}, {}, 500);
      json(response, { d: pageOf(ROWS, from, 2), c: String(from + 2) });
    };
    const whole: Answering = ({ query }, response) =>
      query.get('c') === '4' ? json(response, {}, {}, 400) : json(response, query.get('c') === null ? { d: ROWS, c: null } : {});
    for (const [key, status, count] of [
      ['[id]', 'SUCCEEDED', 7],
      ['', 'FAILED', 4],
    ] as const) {
      n += 1;
      const name = await declare(http, { key });
      api.answer = walk;
      expect((await collecting.collect(name)).status).not.toBe('SUCCEEDED');
      api.answer = whole;
      expect((await collecting.collect(name)).status).toBe(status);
      expect(await collecting.rows(name)).toHaveLength(count);
    }
  });

  test('says of a refused row on which page it was', async () => {
    api.answer = (asked, response) => json(response, pageOf([...ROWS.slice(0, 3), { id: 'x' as unknown as number }], numberOf(asked, 'offset'), 2));
    const name = await declare(PAGES, { batch: '{ rows: 100 }' });
    expect(await collecting.collect(name)).toMatchObject({ rowsLoaded: '3', rowsQuarantined: '1' });
    expect(await collecting.quarantined()).toMatchObject([{ position: 'page 2, row 2' }]);
  });

  test('is collected by one of two workers, and each row is there once', async () => {
    api.answer = async (asked, response) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      await good(asked, response);
    };
    const name = await declare(PAGES, { key: '' });
    const other = await collecting.beside(types);
    try {
      const id = await collecting.begin(name);
      await Promise.all([collecting.perform(id), other.perform(id)]);
      expect((await collecting.rows(name, 'id::int')).map(({ id: row }) => row)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    } finally {
      await other.close();
    }
  });
});
