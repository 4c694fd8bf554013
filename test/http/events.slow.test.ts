import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';
import { applyManifest, drained, ENV, EVENTS, OLD_SECRET, post, SECRET, sendOrder, signed, STRUCTURED, structured, waits } from './events-support.js';

let served: Served;
let url: string;

beforeAll(async () => {
  served = await Served.start(ENV);
  url = served.url;
  await applyManifest(served, EVENTS);
});
afterAll(async () => served?.close());

const orders = () => served.sql('SELECT id, kind, at::text, customer, total::text FROM data.orders ORDER BY id');
const order = async (id: string) =>
  ((await served.sql(`SELECT id, kind, customer, total::text FROM data.orders WHERE id = '${id}'`)) as Record<string, unknown>[])[0];

describe('CloudEvents', () => {
  test('structured: it is taken, its attributes and data become a row, and numbers keep their digits', async () => {
    const body = structured('s1', { customer: 'anna' }).replace('"anna"', '"anna","total":12345678901234567890.123400');
    const sent = await post(url, 'shop', body, { ...signed(body), ...STRUCTURED });
    expect(sent).toMatchObject({ status: 202, body: { id: 's1', duplicate: false } });
    await drained(served, 'shop');
    expect((await orders())[0]).toEqual({ id: 's1', kind: 'order.made', at: '2026-03-01 12:00:00+00', customer: 'anna', total: '12345678901234567890.123400' });
  });

  test('binary: attributes come in headers that are signed with it', async () => {
    const ce = { 'ce-specversion': '1.0', 'ce-id': 'b%201', 'ce-source': '/shop', 'ce-type': 'order.made', 'ce-subject': 'Euro%20%E2%82%AC%20%F0%9F%98%80' };
    const body = '{\n  "customer": "bert",\n  "total": 1.50\n}';
    expect(await post(url, 'shop', body, signed(body, { ce }))).toMatchObject({ status: 202, body: { id: 'b 1' } });
    await drained(served, 'shop');
    expect(await order('b 1')).toMatchObject({ customer: 'bert', total: '1.50' });
    // A header that was changed, or added, is one that nobody signed.
    expect((await post(url, 'shop', body, { ...signed(body, { ce }), 'ce-type': 'order.paid' })).status).toBe(401);
    expect((await post(url, 'shop', body, { ...signed(body, { ce }), 'ce-extra': '1' })).status).toBe(401);
    const unsigned = createHmac('sha256', ENV.HEADGATE_SECRET_GITHUB).update(body).digest('hex');
    expect(await post(url, 'github', body, { 'x-hub-signature-256': `sha256=${unsigned}`, ...ce })).toMatchObject({ status: 400, body: { path: 'signs' } });
  });

  test('batched: all of them, and an empty batch is none', async () => {
    const body = `[${structured('c1', { customer: 'c', total: 1 })},\n${structured('c2', { customer: 'c', total: 2 })}]`;
    const type = { 'content-type': 'application/cloudevents-batch+json; charset=UTF-8' };
    expect((await post(url, 'shop', body, { ...signed(body), ...type })).body).toEqual({
      events: [
        { id: 'c1', duplicate: false },
        { id: 'c2', duplicate: false },
      ],
    });
    await drained(served, 'shop');
    expect([(await order('c1'))?.['total'], (await order('c2'))?.['total']]).toEqual(['1', '2']);
    expect(await post(url, 'shop', '[]', { ...signed('[]'), ...type })).toMatchObject({ status: 202, body: { events: [] } });
  });

  test('types that no collector takes are passed over', async () => {
    expect((await sendOrder(url, 'other', {}, { type: 'customer.made' })).status).toBe(202);
    await drained(served, 'shop');
    expect(await order('other')).toBeUndefined();
  });
});

describe('webhooks', () => {
  test('of GitHub, by its preset', async () => {
    const body = '{"ref":"refs/heads/main","repository":{"id":1}}';
    const headers = {
      'x-hub-signature-256': `sha256=${createHmac('sha256', ENV.HEADGATE_SECRET_GITHUB).update(body).digest('hex')}`,
      'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
      'x-github-event': 'push',
    };
    expect(await post(url, 'github', body, headers)).toMatchObject({ status: 202, body: { id: headers['x-github-delivery'], duplicate: false } });
    // The delivery is signed by nobody: the same body under another one is the same event.
    expect((await post(url, 'github', body, { ...headers, 'x-github-delivery': 'another' })).body).toEqual({ id: 'another', duplicate: true });
    await drained(served, 'github');
    expect(await served.sql('SELECT * FROM data.pushes')).toEqual([
      expect.objectContaining({ delivery: headers['x-github-delivery'], event: 'push', ref: 'refs/heads/main' }),
    ]);
    // What was refused as sent again does not keep a delivery of that name away.
    const next = '{"ref":"refs/heads/next"}';
    const signature = `sha256=${createHmac('sha256', ENV.HEADGATE_SECRET_GITHUB).update(next).digest('hex')}`;
    expect((await post(url, 'github', next, { ...headers, 'x-hub-signature-256': signature, 'x-github-delivery': 'another' })).body).toEqual({
      id: 'another',
      duplicate: false,
    });
    await drained(served, 'github');
  });

  test('of Stripe, whose id is in the body; sent again it may have changed beside', async () => {
    const send = (body: string) => {
      const time = Math.floor(Date.now() / 1000);
      return post(url, 'stripe', body, {
        'stripe-signature': `t=${time},v1=${createHmac('sha256', ENV.HEADGATE_SECRET_STRIPE).update(`${time}.${body}`).digest('hex')}`,
      });
    };
    const body = '{"id":"evt_1","type":"charge.succeeded","pending_webhooks":2,"data":{"object":{"amount":100}}}';
    expect((await send(body)).body).toEqual({ id: 'evt_1', duplicate: false });
    expect((await send(body.replace('2', '1'))).body).toEqual({ id: 'evt_1', duplicate: true });
    await drained(served, 'stripe');
    expect(await served.sql('SELECT id, amount::text FROM data.charges')).toEqual([{ id: 'evt_1', amount: '100' }]);
  });

  test('a list is several events; without an id the same text is the same event', async () => {
    const body = '[{"customer":"x"},{"customer":"y"}]';
    const first = await post(url, 'shop', body, signed(body));
    expect(first.status).toBe(202);
    const { events } = first.body as { events: { id: string; duplicate: boolean }[] };
    expect(events).toHaveLength(2);
    const again = await post(url, 'shop', body, signed(body, { at: Date.now() - 1000 }));
    expect(again.body).toEqual({ events: events.map(({ id }) => ({ id, duplicate: true })) });
  });
});

describe('an event is taken once', () => {
  test('sent again it is acknowledged again, and nothing is done', async () => {
    expect((await sendOrder(url, 'once', { customer: 'o', total: 1 })).body).toEqual({ id: 'once', duplicate: false });
    expect(await sendOrder(url, 'once', { customer: 'o', total: 1 })).toMatchObject({ status: 202, body: { id: 'once', duplicate: true } });
    await drained(served, 'shop');
    expect(await sendOrder(url, 'once', { customer: 'o', total: 1 })).toMatchObject({ status: 202, body: { id: 'once', duplicate: true } });
  });

  test('its id with other content is a conflict, and the first stays', async () => {
    const answer = await sendOrder(url, 'once', { customer: 'o', total: 2 });
    expect(answer).toMatchObject({ status: 409, body: { code: 'CONFLICT', events: [0] } });
    expect(await order('once')).toMatchObject({ total: '1' });
  });

  test('of a hundred at the same time one is taken', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => sendOrder(url, 'crowd', { customer: 'o', total: 1 })));
    expect(answers.filter(({ body }) => body['duplicate'] === false)).toHaveLength(1);
    expect(answers.every(({ status }) => status === 202)).toBe(true);
  });

  test('with an Idempotency-Key, under which a signed text comes once', async () => {
    const body = '{"customer":"k"}';
    const headers = { ...signed(body), 'idempotency-key': 'k1' };
    expect((await post(url, 'shop', body, headers)).body).toEqual({ id: 'k1', duplicate: false });
    expect((await post(url, 'shop', body, { ...headers, 'idempotency-key': 'k2' })).body).toEqual({ id: 'k2', duplicate: true });
    expect((await post(url, 'shop', body, { ...signed(body, { at: Date.now() - 2000 }), 'idempotency-key': 'k1' })).body).toEqual({
      id: 'k1',
      duplicate: true,
    });
  });
});

describe('nobody else may send', () => {
  const body = structured('n1', { customer: 'n' });
  const missing = () => post(url, 'nothere', body, { ...signed(body), ...STRUCTURED });

  test('without a right signature, or to a source that is not there: the answers are the same', async () => {
    const none = await missing();
    expect(none).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    const { 'x-signature': _, ...unsigned } = signed(body);
    for (const headers of [
      {},
      unsigned,
      signed(`${body} `),
      signed(body, { secret: 'other' }),
      { ...signed(body), authorization: `Bearer ${await served.token('root', ['admin'])}`, 'x-signature': 'x' },
    ])
      expect((await post(url, 'shop', body, { ...headers, ...STRUCTURED })).body).toEqual(none.body);
    for (const source of ['inner', 'pg', '__proto__', 'constructor', 'orders', '%00', 'shop%2f'])
      expect((await post(url, source, body, { ...signed(body), ...STRUCTURED })).body).toEqual(none.body);
    expect(await waits(served, 'nothere')).toBe(0);
  });

  test('with a signature that is too old, which is told to who could sign', async () => {
    for (const at of [Date.now() - 301_000, Date.now() + 310_000])
      expect(await post(url, 'shop', body, { ...signed(body, { at }), ...STRUCTURED })).toMatchObject({ status: 401, body: { reason: 'replay' } });
  });

  test('the old secret is good while it is declared', async () => {
    expect((await post(url, 'shop', body, { ...signed(body, { secret: OLD_SECRET }), ...STRUCTURED })).status).toBe(202);
  });

  test('with a token only who may load into all that the source fills', async () => {
    const send = async (token: string | null, note: string) => post(url, 'inner', JSON.stringify({ note }), token ? { authorization: `Bearer ${token}` } : {});
    const none = await missing();
    expect((await send(null, 'a')).body).toEqual(none.body);
    expect((await send('rubbish', 'a')).body).toEqual(none.body);
    expect((await send(await served.token('anna', ['reader']), 'a')).body).toEqual(none.body);
    expect((await send(await served.token('feed', ['feeder']), 'b')).status).toBe(202);
    expect((await send(await served.token('root', ['engineer']), 'c')).status).toBe(202);
    await drained(served, 'inner');
    expect(await served.sql('SELECT note FROM data.notes ORDER BY note')).toEqual([{ note: 'b' }, { note: 'c' }]);
  });

  test('refusals are on the record by their number, and what was taken with its source and count', async () => {
    await until('they are recorded', async () => {
      const rows = (await served.sql("SELECT DISTINCT principal, details->>'reason' AS reason FROM headgate.audit_record WHERE decision = 'DENIED'")) as {
        principal: string;
        reason: string;
      }[];
      return (
        ['signature', 'replay'].every((reason) => rows.some((row) => row.reason === reason && row.principal === 'events/shop')) &&
        rows.some(({ principal }) => principal === 'unknown')
      );
    });
    const taken = (await served.sql("SELECT principal, row_count::int AS n, details FROM headgate.audit_record WHERE action = 'event.receive'")) as {
      principal: string;
      n: number;
      details: object;
    }[];
    expect(taken).toContainEqual({ principal: 'events/shop', n: 1, details: { source: 'shop', requests: 1 } });
    expect(taken.some(({ principal }) => principal === 'feed')).toBe(true);
  });
});

test('a source without a collector takes nothing, and says when to come again', async () => {
  const answer = await post(url, 'idle', '{}', signed('{}'));
  expect(answer).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE', reason: 'collector' } });
  expect(answer.headers.get('retry-after')).toBe('60');
});

test('who asks before they send is answered when their origin is declared, and else not told of the source', async () => {
  const ask = async (source: string, origin: string) => fetch(`${url}/events/${source}`, { method: 'OPTIONS', headers: { 'webhook-request-origin': origin } });
  const allowed = await ask('shop', 'shop.example.com');
  expect([allowed.status, allowed.headers.get('webhook-allowed-origin'), allowed.headers.get('webhook-allowed-rate'), allowed.headers.get('allow')]).toEqual([
    200,
    'shop.example.com',
    '*',
    'POST',
  ]);
  const others = await Promise.all([ask('shop', 'evil.example.com'), ask('nothere', 'shop.example.com')]);
  for (const { status, headers } of others) expect([status, headers.get('webhook-allowed-origin')]).toEqual([200, null]);
});

describe('what is no event is refused, with where and without what', () => {
  test.each([
    ['not JSON', '{"secret-value"', {}, 400],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 400],
    ['another type', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }, 400],
    ['a CloudEvent of another format', '<e/>', { 'content-type': 'application/cloudevents+xml' }, 400],
    ['packed', '{}', { 'content-encoding': 'gzip' }, 400],
    ['in another character set', '{}', { 'content-type': 'application/json; charset=latin1' }, 400],
    ['nested without end', '['.repeat(600) + ']'.repeat(600), {}, 400],
    ['a CloudEvent without an id', JSON.stringify({ specversion: '1.0', source: '/', type: 't' }), STRUCTURED, 400],
    ['a name twice', '{"specversion":"1.0","id":"1","id":"2","source":"/","type":"t"}', STRUCTURED, 400],
    ['an attribute __proto__', '{"specversion":"1.0","id":"1","source":"/","type":"t","__proto__":"x"}', STRUCTURED, 400],
    ['larger than a value may be', JSON.stringify({ customer: 'x'.repeat(1_100_000) }), {}, 413],
    ['larger than a request may be', Buffer.alloc(6_000_000, 0x20), {}, 413],
  ])('%s', async (_, body, headers, status) => {
    const answer = await post(url, 'shop', body, { ...signed(body), ...headers });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(JSON.stringify(answer.body)).not.toContain('secret-value');
  });
});

test('what breaks the contract goes to quarantine under the name of its event, and holds up nothing', async () => {
  const events = [
    structured('q1', 'no object', { datacontenttype: 'text/plain' }),
    structured('q2', { customer: 'q', total: 'not a number' }),
    structured('q3', { customer: 'q', total: 3 }),
  ];
  const body = `[${events.join(',')}]`;
  expect((await post(url, 'shop', body, { ...signed(body), 'content-type': 'application/cloudevents-batch+json' })).status).toBe(202);
  // Without fields: a text, and a member that is not in the contract, with which a load would refuse all.
  const inner = async (text: string) => post(url, 'inner', text, { authorization: `Bearer ${await served.token('root', ['engineer'])}` });
  for (const text of ['"just a text"', '{"note":"n","unknown":1}', '{"note":"good"}']) expect((await inner(text)).status).toBe(202);
  await drained(served, 'shop');
  await drained(served, 'inner');
  expect(await order('q3')).toMatchObject({ total: '3' });
  expect(await served.sql("SELECT note FROM data.notes WHERE note IN ('n', 'good')")).toEqual([{ note: 'good' }]);
  const refused = (await served.sql('SELECT position, raw FROM headgate.quarantined_row ORDER BY id')) as { position: string; raw: object }[];
  expect(refused.map(({ position }) => position)).toContain('events/shop@q2');
  expect(refused.filter(({ position }) => position.startsWith('events/inner@'))).toHaveLength(2);
  expect(JSON.stringify(refused)).toContain('unknown');
});

test('nothing of an event lies plain in the inbox, and nothing is left of what was taken', async () => {
  const inner = EVENTS.split('---').find((text) => text.includes('name: inner_notes')) ?? '';
  await applyManifest(served, inner.replace('batch:', 'paused: true\nbatch:'));
  await until(
    'the stream has stopped',
    async () => (await served.sql("SELECT 1 FROM headgate.run WHERE collector = 'inner_notes' AND status IN ('QUEUED', 'RUNNING')")).length === 0,
  );
  await post(url, 'inner', '{"note":"canary-waiting"}', {
    authorization: `Bearer ${await served.token('root', ['engineer'])}`,
    'idempotency-key': 'canary-key',
  });
  expect(await waits(served, 'inner')).toBe(1);
  const text = JSON.stringify(
    await served.sql(
      "SELECT encode(content, 'escape') || encode(key, 'escape') AS t FROM headgate.inbox UNION ALL SELECT encode(key, 'escape') FROM headgate.inbox_seen",
    ),
  );
  expect(text).not.toContain('canary');
  expect(await waits(served, 'shop')).toBe(0);
  expect(SECRET).not.toBe('');
});
