import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFixture } from '../cases/open-fixture.js';
import { House } from '../support/house.js';
import { CASES, cases, expectSameAnswer, LIMITS, StoredAnswers } from './query-cases.js';
import { RemoteDatabase } from './remote-database.js';

/**
 * The query cases again, over datasets that are not in the store: tables with the same rows, in the types that other
 * people's tables have. Whatever is asked, and by whom, the bytes of the answer are the same.
 */

/** Where the contract's type allows several at the source. */
const TABLES = `
  CREATE SCHEMA "The Shop";
  CREATE DOMAIN "The Shop".code AS varchar(2);
  CREATE TYPE "The Shop".state AS ENUM ('shipped', 'open', 'lost');
  CREATE TABLE "The Shop".countries (_rid bytea, code char(2) NOT NULL PRIMARY KEY, name text, population integer);
  CREATE TABLE "The Shop".customers (_rid bytea, id integer NOT NULL PRIMARY KEY, name varchar, email varchar(200), phone text,
    birth_date date, country "The Shop".code, tier smallint, balance numeric(12, 2), passport_no varchar(20));
  CREATE TABLE "The Shop".orders (_rid bytea, id bigint NOT NULL PRIMARY KEY, customer_id integer, status "The Shop".state, amount numeric, weight float8,
    quantity smallint, paid boolean, ship_date date, ship_time time, placed_at timestamp, tracking uuid, details json, labels varchar[], item_ids bigint[],
    prices numeric[], stops timestamp[], rn integer, k0 integer);
  CREATE VIEW "The Shop"."Watch List" AS SELECT NULL::bytea AS _rid, 1 AS id, 3 AS "Customer ""No""", 'chargebacks' AS reason
    UNION ALL SELECT NULL, 2, 5, 'asked to be here'`;

const remoteRows = readFileSync(join(CASES, 'fixture/rows.sql'), 'utf8')
  .replaceAll('INSERT INTO data.', 'INSERT INTO "The Shop".')
  .replace(/INSERT INTO "The Shop"\.watchlist[^;]*;/, '')
  // Consent can't be asked for at a source.
  .replace(/INSERT INTO "The Shop"\.subscribers[^;]*;/, '')
  .replace(/INSERT INTO headgate\.consent[^;]*;/, '')
  // The old type keeps the text as it came; so it comes as jsonb writes it.
  .replace(`'{"gift": true, "note": "für Oma", "lines": [{"sku": "A-1", "n": 2}]}'`, `'{"gift":true,"note":"f\\u00fcr Oma","lines":[{"sku":"A-1","n":2}]}'`)
  .replace(`120.50`, `120.50`);

function atSource(text: string): string {
  return text
    .replaceAll(/name: (countries|customers|orders)\ntypeName/g, 'name: $1\nsource: shop\ntable: The Shop.$1\ntypeName')
    .replace('name: watchlist\ntypeName', 'name: watchlist\nsource: shop\ntable: The Shop.Watch List\ntypeName')
    .replace('- { name: customer_id, type: bigint }\n  - { name: reason', `- { name: customer_id, type: bigint, column: 'Customer "No"' }\n  - { name: reason`);
}

let stored: House;
let answers: StoredAnswers;

beforeAll(async () => {
  stored = await openFixture(LIMITS);
  stored.asksTwice = false;
  answers = new StoredAnswers(stored);
});

afterAll(() => stored?.close());

describe.each([
  ['a new server', () => RemoteDatabase.onNew()],
  ['an old server', () => RemoteDatabase.onOld()],
])('at %s', (_, create) => {
  let remote: RemoteDatabase | undefined;
  let live: House | undefined;
  let reason = '';

  beforeAll(async () => {
    const made = await create();
    if (!(made instanceof RemoteDatabase)) return void (reason = made.reason);
    remote = made;
    await remote.run(TABLES);
    // Before 14 decimals had no infinity; in an answer it is null, as NaN is.
    await remote.run((await remote.version()) < 140_000 ? remoteRows.replace('{NaN,Infinity,1.50}', '{NaN,NaN,1.50}') : remoteRows);
    live = await House.open(LIMITS);
    live.secrets.set('HEADGATE_SECRET_SHOP', remote.url);
    await live.apply('kind: Source\nname: shop\ntype: postgres\nurl: ${HEADGATE_SECRET_SHOP}\n');
    for (const file of ['1-datasets.yaml', '2-grants.yaml']) await live.apply(atSource(readFileSync(join(CASES, 'fixture', file), 'utf8')));
  });

  afterAll(async () => {
    await live?.close();
    await remote?.drop();
  });

  test.for(cases)('$name: $who', async (asked, { skip }) => {
    if (!live) return skip(reason);
    live.statements.length = 0;
    await expectSameAnswer(asked, live, answers);
    // Nothing was asked of the store.
    for (const { text } of live.statements) expect(text).not.toContain('"data"');
  });
});
