import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../support/api-server.js';
import { House, principal } from '../support/house.js';
import { rowsOf, serveRows } from './rows-server.js';

/** The same rows in the store and at an API that can be asked for much: whatever is asked, the answers are equal. */
const FIELDS =
  'fields: [{ name: id, type: integer }, { name: team, type: text }, { name: size, type: integer }, { name: price, type: decimal }, { name: day, type: date }]\nkey: [id]\n';

const MANIFESTS = `
kind: Source
name: api
type: http
url: \${HEADGATE_SECRET_API}
---
kind: Dataset
name: here
${FIELDS}
---
kind: Dataset
name: there
source: api
http:
  list:
    path: /here
    items: /data
    filters: { id: { eq: id, in: id, gt: id_above, lt: id_below }, team: { in: team }, size: { eq: size, gte: size_from, lte: size_to }, day: { gte: day_from } }
    pages: { by: page, parameter: page, size: { parameter: per_page, rows: 5 } }
    order: { parameter: sort, by: { id: { asc: id, desc: -id } } }
  get: { path: '/here/{id}', item: /item }
  batch: { path: /here, items: /data, parameter: id, max: 3 }
  limits: { requests: 100, rows: 40 }
${FIELDS}
---
kind: Dataset
name: elsewhere
source: api
http:
  list:
    path: /elsewhere
    items: /data
    filters: { id: { eq: id, in: id, gt: id_above, lt: id_below }, team: { in: team }, size: { eq: size, gte: size_from, lte: size_to }, day: { gte: day_from } }
    pages: { by: page, parameter: page, size: { parameter: per_page, rows: 5 } }
    order: { parameter: sort, by: { id: { asc: id, desc: -id } } }
  get: { path: '/elsewhere/{id}', item: /item }
  limits: { requests: 100, rows: 40 }
${FIELDS}
---
kind: Grant
name: all
to: { roles: [all] }
on: { datasets: [here, there] }
fields: { '*': allow }
---
kind: Grant
name: teams
to: { roles: [member] }
on: { datasets: [here, there] }
rows: team = claim('team') OR team = 'open'
fields: { '*': allow, price: { mask: round, step: 10 } }
---
kind: Grant
name: odd
to: { roles: [odd] }
on: { datasets: [here, there, elsewhere] }
rows: size % 2 = 1
discloses: [size]
fields: { '*': allow, team: { mask: redact } }
`;

const READERS = [
  principal({ roles: ['all'] }),
  principal({ roles: ['member'], claims: { team: 'red' } }),
  principal({ roles: ['member'] }),
  principal({ roles: ['odd'] }),
];
const SEED = Number(process.env['HEADGATE_TEST_SEED'] ?? 20_261_128);

let house: House;
let api: ApiServer;

beforeAll(async () => {
  house = await House.open({ maxCost: 1_000_000 });
  house.asksTwice = false;
  await house.apply(MANIFESTS.split('---').slice(1, 2).join('---'));
  await house.database.query(`INSERT INTO data.here (id, team, size, price, day)
    SELECT n, (ARRAY['red', 'blue', 'open', 'a,b', NULL])[1 + n % 5], nullif(n % 7, 6), n * 1.50, date '2026-01-01' + n % 9 FROM generate_series(1, 40) n`);
  const tables = await rowsOf(house, ['here']);
  // What the odd ones do not see is another thing elsewhere: all of the other rows, and the teams.
  const elsewhere = (tables['here'] ?? []).map((row) =>
    Number(row['size']) % 2 === 1 ? { ...row, team: 'red' } : { id: Number(row['id']) + 100, team: 'red', size: 2, price: 1, day: '2026-01-01' },
  );
  api = await serveRows({ ...tables, elsewhere });
  house.secrets.set('HEADGATE_SECRET_API', api.url);
  await house.apply(MANIFESTS);
});

afterAll(async () => {
  await house?.close();
  await api?.close();
});

const team = fc.constantFrom('red', 'blue', 'open', 'a,b', 'nobody', '');
const number = fc.integer({ min: -1, max: 45 });
const small = fc.integer({ min: -1, max: 8 });
const day = fc.integer({ min: 1, max: 9 }).map((n) => `2026-01-0${n}`);
const leaf = fc.oneof(
  fc
    .oneof(
      team.map((eq) => ({ eq })),
      fc.array(team, { maxLength: 3 }).map((values) => ({ in: values })),
      team.map((ne) => ({ ne })),
      team.map((gt) => ({ gt })),
    )
    .map((how) => ({ team: how })),
  fc
    .oneof(
      number.map((eq) => ({ eq })),
      fc.array(number, { maxLength: 8 }).map((values) => ({ in: values })),
      number.map((gt) => ({ gt })),
      number.map((lte) => ({ lte })),
    )
    .map((how) => ({ id: how })),
  fc
    .oneof(
      small.map((eq) => ({ eq })),
      small.map((gte) => ({ gte })),
      fc.tuple(small, small).map((between) => ({ between })),
      fc.boolean().map((isNull) => ({ isNull })),
    )
    .map((how) => ({ size: how })),
  day.map((gte) => ({ day: { gte } })),
  number.map((n) => ({ price: { lt: String(n) } })),
);
const { where } = fc.letrec((tie) => ({
  where: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('where'), { maxLength: 3 }).map((and) => ({ and })),
    fc.array(tie('where'), { maxLength: 3 }).map((or) => ({ or })),
    tie('where').map((not) => ({ not })),
  ),
}));
const orderBy = fc.constantFrom([], [{ id: 'ASC' }], [{ id: 'DESC' }], [{ team: 'ASC' }], [{ size: 'DESC' }, { id: 'ASC' }]);

test('who sees neither some rows nor some cells learns nothing of them, by the limits either', async () => {
  const odd = principal({ roles: ['odd'] });
  const question = fc.record({ where, orderBy, first: fc.integer({ min: 0, max: 12 }), count: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(question, async ({ where: condition, orderBy: order, first, count }) => {
      const ask = async (root: 'there' | 'elsewhere') => {
        const type = root === 'there' ? 'There' : 'Elsewhere';
        const { data, errors } = await house.query(
          odd,
          `query ($where: ${type}Where, $orderBy: [${type}OrderBy!]) { answer: ${root}(first: ${first}, where: $where, orderBy: $orderBy) {
            ${count ? 'totalCount' : ''} nodes { id team size price day } pageInfo { hasNextPage } } }`,
          { where: condition, orderBy: order },
        );
        return { data, errors: errors?.map(({ message, extensions }) => [message.replace(root, 'it'), extensions['code'], extensions['limit']]) };
      };
      expect(await ask('elsewhere')).toEqual(await ask('there'));
    }),
    { numRuns: 50, seed: SEED },
  );
});

describe('any question', () => {
  test('has the same answer, whoever asks', async () => {
    const question = fc.record({
      where,
      orderBy,
      first: fc.integer({ min: 0, max: 12 }),
      backward: fc.boolean(),
      count: fc.boolean(),
      reader: fc.constantFrom(...READERS),
    });
    await fc.assert(
      fc.asyncProperty(question, async ({ where: condition, orderBy: order, first, backward, count, reader }) => {
        const ask = async (root: 'here' | 'there') => {
          const type = root === 'here' ? 'Here' : 'There';
          const query = `query ($where: ${type}Where, $orderBy: [${type}OrderBy!]) { answer: ${root}(${backward ? 'last' : 'first'}: ${first}, where: $where, orderBy: $orderBy) {
            ${count ? 'totalCount' : ''} nodes { id team size price day } pageInfo { hasNextPage hasPreviousPage } } }`;
          const { data, errors } = await house.query(reader, query, { where: condition, orderBy: order });
          return { data, codes: errors?.map(({ extensions }) => extensions['code']) };
        };
        expect(await ask('there')).toEqual(await ask('here'));
      }),
      { numRuns: 80, seed: SEED },
    );
  });

  test('is paged through without a row twice or none', async () => {
    await fc.assert(
      fc.asyncProperty(where, fc.constantFrom('ASC', 'DESC'), fc.constantFrom(...READERS), async (condition, direction, reader) => {
        const through = async (root: 'here' | 'there') => {
          const type = root === 'here' ? 'Here' : 'There';
          const seen: unknown[] = [];
          for (let after: string | null = null, more = true; more;) {
            const { data } = await house.query(
              reader,
              `query ($where: ${type}Where, $after: String) { answer: ${root}(first: 4, where: $where, after: $after, orderBy: [{ id: ${direction} }]) { nodes { id } pageInfo { endCursor hasNextPage } } }`,
              { where: condition, after },
            );
            const { nodes = [], pageInfo } = data['answer'] ?? {};
            seen.push(...nodes.map(({ id }) => id));
            after = pageInfo?.endCursor ?? null;
            more = pageInfo?.hasNextPage ?? false;
          }
          return seen;
        };
        expect(await through('there')).toEqual(await through('here'));
      }),
      { numRuns: 8, seed: SEED },
    );
  });
});
