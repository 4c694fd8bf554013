import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorld, FLIGHTS, type World } from './setup.js';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await world.apply(`${FLIGHTS}---
kind: Dataset
name: passengers
fields:
  - { name: id, type: bigint }
  - { name: email, type: text, tags: [pii.email] }
  - { name: birth_date, type: date, tags: [pii.birthdate] }
  - { name: passport_no, type: text, tags: [pii.passport], visibility: secret }
  - { name: country, type: text }
key: [id]
subject: id
---
kind: Dataset
name: bookings
fields:
  - { name: passenger_id, type: bigint, tags: [person] }
  - { name: fare, type: decimal, tags: [financial] }
  - { name: origin, type: text }
subject: passenger_id
---
kind: Dataset
name: salaries
visibility: secret
fields: [{ name: who, type: text }, { name: amount, type: decimal }]
`);
});
afterAll(async () => {
  await world?.close();
});

const pipeline = (name: string, ...steps: string[]) => `
kind: Pipeline
name: ${name}
steps:
${steps.map((step) => `  - ${step}`).join('\n')}
`;

async function tagsOf(dataset: string): Promise<Record<string, readonly string[]>> {
  return Object.fromEntries((await world.dataset(dataset)).fields.map(({ name, tags }) => [name, tags]));
}

describe('tags follow the data', () => {
  test('through expressions, renames, groups, joins, unions and any number of steps', async () => {
    await world.apply(
      pipeline(
        'profile',
        '{ name: widened, transform: { from: passengers, derive: { domain: "split_part(email, \'@\', 2)", label: "country || \' \' || email" }, rename: { birth_date: born }, select: [id, domain, label, born, country] } }',
        '{ name: spent, sql: "SELECT w.domain, w.label, w.born, w.country, b.fare, b.fare > 100 AS dear FROM widened w JOIN bookings b ON b.passenger_id = w.id" }',
        '{ name: grouped, aggregate: { groupBy: [country, domain], measures: { total: sum(fare), oldest: min(born), n: count(*), dear: bool_or(dear) } } }',
        '{ name: mixed, sql: "SELECT domain AS what, total, oldest, n, dear FROM grouped UNION ALL SELECT country, 0, NULL, 1, false FROM passengers" }',
        '{ publish: { to: profiles, fields: { n: { tags: [count], description: How many. } } } }',
      ),
    );
    expect(await tagsOf('profiles')).toEqual({
      // All from the join on a person and the groups by a part of the email.
      what: ['person', 'pii.email'],
      total: ['financial', 'person', 'pii.email'],
      oldest: ['person', 'pii.birthdate', 'pii.email'],
      n: ['count', 'person', 'pii.email'],
      dear: ['financial', 'person', 'pii.email'],
    });
    expect((await world.dataset('profiles')).fields.find(({ name }) => name === 'n')?.description).toBe('How many.');
  });

  test('from one pipeline to the next, whatever the order of their documents', async () => {
    await world.apply(`${pipeline('second', '{ name: s, transform: { from: stage_one, derive: { upper: upper(e) } } }', '{ publish: { to: stage_two } }')}---
${pipeline('third', '{ name: s, transform: { from: passengers, rename: { email: e }, select: [id, e] } }', '{ publish: { to: stage_one } }')}`);
    expect(await tagsOf('stage_two')).toEqual({ id: [], e: ['pii.email'], upper: ['pii.email'] });
  });

  test('on the day that a field gets one, without a change to the pipeline', async () => {
    await world.apply(
      pipeline(
        'airlines',
        '{ name: s, transform: { from: flights, derive: { route: "origin || destination" }, select: [route, delay] } }',
        '{ publish: { to: routes } }',
      ),
    );
    expect(await tagsOf('routes')).toEqual({ route: [], delay: [] });
    await world.apply(FLIGHTS.replace('name: origin, type: text', 'name: origin, type: text, tags: [internal]'));
    expect(await tagsOf('routes')).toEqual({ route: ['internal'], delay: [] });
    await world.apply(FLIGHTS);
  });

  test('where the columns behind a value can not be told, all tags of all inputs', async () => {
    await world.apply(
      pipeline(
        'walk',
        '{ name: s, sql: "WITH RECURSIVE r(x) AS (SELECT min(id) FROM passengers UNION ALL SELECT x + 1 FROM r WHERE x < 3) SELECT x FROM r" }',
        '{ publish: { to: walked } }',
      ),
    );
    expect((await tagsOf('walked')).x).toEqual(expect.arrayContaining(['pii.birthdate', 'pii.email', 'pii.passport']));
  });

  test.each([
    ['a filter', '{ name: s, transform: { from: passengers, filter: "email LIKE \'b%\'", select: [id] } }'],
    ['a filter over what is derived', '{ name: s, transform: { from: passengers, derive: { e: "left(email, 1)" }, filter: "e = \'b\'", select: [id] } }'],
    ['an order', '{ name: s, transform: { from: passengers, sort: [email], limit: 1 } }'],
    ['a deduplication', '{ name: s, transform: { from: passengers, select: [id, email], deduplicate: true } }'],
    ['one by a field', '{ name: s, transform: { from: passengers, select: [id, email], deduplicate: [email] } }'],
    ['groups', '{ name: s, aggregate: { from: passengers, groupBy: [email], measures: { id: min(id) } } }'],
    ['having', '{ name: s, aggregate: { from: passengers, groupBy: [id], measures: { n: count(*) }, having: "min(email) > \'b\'" } }'],
    ['a join', '{ name: s, sql: "SELECT a.id, b.id AS other FROM passengers AS a JOIN passengers AS b ON a.email < b.email" }'],
  ])('from what only says which rows there are, through later steps and pipelines: %s', async (_, step) => {
    await world.apply(`${pipeline('steered', step, '{ name: t, transform: { select: [id] } }', '{ name: u, sql: "SELECT count(*) AS n, 1 AS one FROM t" }', '{ publish: { from: u, to: steered } }')}---
${pipeline('counted', '{ name: s, aggregate: { from: steered, measures: { n: count(*) } } }', '{ publish: { to: counted } }')}`);
    const steered = await tagsOf('steered');
    expect(steered.n).toContain('pii.email');
    expect(steered.one).toContain('pii.email');
    expect((await tagsOf('counted')).n).toContain('pii.email');
  });

  test('but not from columns that stand by', async () => {
    await world.apply(
      pipeline(
        'standing_by',
        '{ name: s, transform: { from: passengers, sort: [country desc], limit: 5, deduplicate: [id], filter: "country <> \'DE\'", select: [id, country, email, passport_no] } }',
        '{ name: t, sql: "SELECT s.*, o.n FROM s CROSS JOIN (SELECT count(*) AS n FROM passengers) AS o ORDER BY country LIMIT 3" }',
        '{ publish: { to: bystanders } }',
      ),
    );
    expect(await tagsOf('bystanders')).toEqual({ id: [], country: [], email: ['pii.email'], passport_no: ['pii.passport'], n: [] });
    expect((await world.dataset('bystanders')).fields.filter(({ visibility }) => visibility === 'secret').map(({ name }) => name)).toEqual(['passport_no']);
  });

  test('nor past a step that declares to anonymise: that tag alone, from that step on, and on the record', async () => {
    const grouped = '{ name: s, aggregate: { from: passengers, groupBy: [email, birth_date, country], measures: { n: count(*) } } }';
    const summed = (anonymises: string) => `{ name: t, aggregate: { groupBy: [country], measures: { n: sum(n) } }${anonymises} }`;
    const declared = ', anonymises: { tags: [pii.email], reason: Counts of whole countries. }';
    await world.apply(pipeline('anonymous', grouped, summed(''), '{ publish: { to: by_country } }'));
    expect(await tagsOf('by_country')).toEqual({ country: ['pii.birthdate', 'pii.email'], n: ['pii.birthdate', 'pii.email'] });

    const { warnings } = await world.apply(pipeline('anonymous', grouped, summed(declared), '{ publish: { to: by_country } }'));
    expect(warnings).toEqual(['Pipeline anonymous: the step t hands the tags pii.email on to nothing, on its own word: Counts of whole countries.']);
    expect(await tagsOf('by_country')).toEqual({ country: ['pii.birthdate'], n: ['pii.birthdate'] });
    const run = await world.run('anonymous');
    expect(run.status).toBe('SUCCEEDED');
    const entries = await world.database.query<{ action: string; anonymises: unknown }>(
      `SELECT action, details->'anonymises' AS anonymises FROM headgate.audit_record WHERE details->'anonymises' IS NOT NULL ORDER BY at`,
    );
    const anonymises = [{ step: 't', tags: ['pii.email'], reason: 'Counts of whole countries.' }];
    expect(entries).toEqual([
      { action: 'apply', anonymises },
      { action: 'pipeline.run', anonymises },
    ]);
    expect((await world.pipelines.find('anonymous'))?.steps[1]).toMatchObject({ anonymises: { tags: ['pii.email'] } });

    await world.apply(
      pipeline(
        'anonymous',
        grouped,
        summed(declared),
        '{ name: u, sql: "SELECT country, n, (SELECT min(email) FROM passengers) AS e FROM t" }',
        '{ publish: { to: by_country } }',
      ),
    );
    expect((await tagsOf('by_country')).e).toEqual(['pii.birthdate', 'pii.email']);
  });

  test('rows that were made of a tagged field do not stay when the pipeline is changed to make them of another', async () => {
    await world.database.query("INSERT INTO data.passengers (id, email, country, _load) VALUES (1, 'anna@example.com', 'DE', 1)");
    const made = (field: string, mode: string) =>
      pipeline(
        'washing',
        `{ name: s, transform: { from: passengers, derive: { x: ${field} }, select: [id, x] } }`,
        `{ publish: { to: washed, mode: ${mode}, key: [id] } }`,
      );
    const reader = pipeline('rinsing', '{ name: s, transform: { from: washed, select: [x] } }', '{ publish: { to: rinsed } }');
    const rows = async (name: string) => world.database.query(`SELECT x FROM data.${name}`);
    const anna = [{ x: 'anna@example.com' }];

    await world.apply(`${made('email', 'replace')}---\n${reader}`);
    await world.run('washing');
    await world.run('rinsing');
    const { warnings } = await world.apply(made('country', 'replace'));
    expect(warnings).toEqual([expect.stringContaining('so washed is empty'), expect.stringContaining('so rinsed is empty')]);
    expect([await rows('washed'), await rows('rinsed')]).toEqual([[], []]);
    expect((await tagsOf('rinsed')).x).toEqual([]);
    await world.run('washing');
    expect(await rows('washed')).toEqual([{ x: 'DE' }]);

    await world.apply(made('email', 'append'));
    await world.database.query('DELETE FROM data.washed');
    expect((await world.run('washing')).status).toBe('SUCCEEDED');
    for (const mode of ['append', 'merge'])
      await expect(world.apply(made('country', mode))).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('x is no longer tagged') });
    expect(await rows('washed')).toEqual(anna);
    expect((await tagsOf('washed')).x).toEqual(['pii.email']);
    await world.database.query('DELETE FROM data.washed');
    await world.apply(made('country', 'append'));
    expect((await tagsOf('washed')).x).toEqual([]);
    await world.database.query('DELETE FROM data.passengers');
  });

  test.each([
    ['without a reason', '{ name: s, transform: { from: passengers, limit: 1 }, anonymises: { tags: [pii] } }', '{ publish: { to: bad } }', 'reason'],
    [
      'with an empty one',
      '{ name: s, transform: { from: passengers, limit: 1 }, anonymises: { tags: [pii], reason: " " } }',
      '{ publish: { to: bad } }',
      'reason',
    ],
    ['of no tag', '{ name: s, transform: { from: passengers, limit: 1 }, anonymises: { tags: [], reason: x } }', '{ publish: { to: bad } }', 'tags'],
    ['of all tags', '{ name: s, transform: { from: passengers, limit: 1 }, anonymises: { tags: ["*"], reason: x } }', '{ publish: { to: bad } }', 'tags'],
    [
      'by a publish',
      '{ name: s, transform: { from: passengers, limit: 1 } }',
      '{ publish: { to: bad }, anonymises: { tags: [pii], reason: x } }',
      'anonymises',
    ],
  ])('a declaration %s is refused', async (_, step, publish, path) => {
    await expect(world.apply(pipeline('bad', step, publish))).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      details: { path: expect.stringContaining(path) },
    });
  });

  test('a secret source makes what is made of it secret', async () => {
    await world.apply(`${pipeline('pay', '{ name: s, aggregate: { from: salaries, measures: { total: sum(amount) } } }', '{ publish: { to: payroll } }')}---
${pipeline('passports', '{ name: s, transform: { from: passengers, derive: { p: "left(passport_no, 2)" }, select: [id, p, country] } }', '{ publish: { to: passport_kinds, key: [id] } }')}`);
    expect((await world.dataset('payroll')).visibility).toBe('secret');
    const kinds = await world.dataset('passport_kinds');
    expect(kinds.visibility).toBe('listed');
    expect(kinds.fields.map(({ name, visibility }) => [name, visibility])).toEqual([
      ['id', 'listed'],
      ['p', 'secret'],
      ['country', 'listed'],
    ]);
    await world.apply(
      pipeline(
        'spelled',
        '{ name: s, sql: "SELECT p.id, i, c FROM passengers AS p, generate_series(1, 9) AS i JOIN generate_series(48, 90) AS c ON true WHERE substr(p.passport_no, i, 1) = chr(c)" }',
        '{ publish: { to: spelled } }',
      ),
    );
    expect((await world.dataset('spelled')).fields.map(({ visibility }) => visibility)).toEqual(['secret', 'secret', 'secret']);
  });

  test('the subject goes with the rows when its field does', async () => {
    await world.apply(`${pipeline('per_person', '{ name: s, aggregate: { from: bookings, groupBy: [passenger_id], measures: { n: count(*) } } }', '{ publish: { to: people_counts } }')}---
${pipeline('per_origin', '{ name: s, aggregate: { from: bookings, groupBy: [origin], measures: { n: count(*) } } }', '{ publish: { to: origin_counts } }')}`);
    expect((await world.dataset('people_counts')).subject).toBe('passenger_id');
    expect((await world.dataset('origin_counts')).subject).toBeUndefined();
  });
});

describe('what is refused', () => {
  test.for([
    ['a table that is no dataset', 'SELECT * FROM headgate.audit_record'],
    ['a system catalog', 'SELECT relname FROM pg_class'],
    ['a function that reads files', "SELECT pg_read_file('/etc/passwd') AS x FROM flights"],
    ['a function that sleeps', 'SELECT pg_sleep(100)::text AS x FROM flights'],
    ['another statement', 'DELETE FROM flights'],
    ['a second statement', 'SELECT origin FROM flights; DROP TABLE data.flights'],
    ['a WITH that writes', 'WITH x AS (DELETE FROM flights RETURNING *) SELECT * FROM x'],
    ['a lock', 'SELECT origin FROM flights FOR UPDATE'],
    ['a setting', "SELECT set_config('role', 'postgres', false) AS x FROM flights"],
    ['a hidden column of the tables', 'SELECT _rid FROM flights'],
  ])('%s', async ([, sql]) => {
    await expect(world.apply(pipeline('bad', `{ name: sneaky, sql: "${sql?.replaceAll('"', '\\"')}" }`, '{ publish: { to: bad } }'))).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      message: expect.stringContaining('step sneaky'),
      details: { file: 'test.yaml', path: 'steps[0].sql' },
    });
    expect((await world.catalog()).datasets.has('bad')).toBe(false);
  });

  test.for([
    ['derive', '{ x: "1) AS y, (SELECT email FROM passengers LIMIT 1" }', 'derive'],
    ['derive', '{ x: "delay FROM flights --" }', 'derive'],
    ['filter', '"true) UNION SELECT * FROM (SELECT * FROM passengers"', 'filter'],
    ['derive', '{ x: "count(*)" }', 'derive'],
  ])('an expression in %s that is more than one: %s', async ([key, value, path]) => {
    await expect(world.apply(pipeline('bad', `{ name: t, transform: { from: flights, ${key}: ${value} } }`, '{ publish: { to: bad } }'))).rejects.toMatchObject(
      {
        code: 'BAD_USER_INPUT',
        details: { path: expect.stringContaining(`steps[0].transform.${path}`) },
      },
    );
  });

  test.for(['count(*) AS a, (sum(delay)', 'count(*)) AS x, (sum(delay)', '1) FROM passengers --'])('a measure that is more than one: %s', async (measure) => {
    await expect(
      world.apply(pipeline('bad', `{ name: t, aggregate: { from: flights, measures: { x: "${measure}" } } }`, '{ publish: { to: bad } }')),
    ).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  test.for([
    ['types that do not fit', '{ name: odd, sql: "SELECT origin + 1 AS x FROM flights" }', /step odd: .*operator does not exist/],
    ['a type that no field has', '{ name: odd, sql: "SELECT date - date AS x FROM flights" }', /type interval, which no field can have/],
    ['a column that is not there', '{ name: odd, transform: { from: flights, select: [orign] } }', /step odd: there is no column "orign"/],
    ['an input that is not there', '{ name: odd, transform: { from: flihgts, limit: 1 } }', /there is no dataset or earlier step "flihgts"/],
    ['a measure without its group', '{ name: odd, aggregate: { from: flights, groupBy: [origin], measures: { x: delay } } }', /step odd: .*GROUP BY/],
    ['a step with the name of a dataset', '{ name: airports, transform: { from: flights, limit: 1 } }', /name of a dataset/],
  ] as const)('%s, with the step', async ([, step, message]) => {
    await expect(world.apply(pipeline('bad', step, '{ publish: { to: bad } }'))).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      message: expect.stringMatching(message),
    });
  });

  test.for([
    ['no publish', ['{ name: a, transform: { from: flights, limit: 1 } }', '{ name: b, transform: { limit: 1 } }'], /last step must be a publish/],
    ['two kinds in a step', ["{ name: a, sql: 'SELECT 1 AS x', transform: { limit: 1 } }", '{ publish: { to: bad } }'], /a step is one of/],
    ['merge without a key', ['{ name: a, transform: { from: flights, limit: 1 } }', '{ publish: { to: bad, mode: merge } }'], /needs the key/],
    [
      'a key that is no column',
      ['{ name: a, transform: { from: flights, select: [origin] } }', '{ publish: { to: bad, key: [destination] } }'],
      /has no column "destination"/,
    ],
    ['an unknown key', ['{ name: a, transform: { from: flights, fliter: "true" } }', '{ publish: { to: bad } }'], /unknown key "fliter"/],
    ['an unnamed step', ['{ transform: { from: flights, limit: 1 } }', '{ publish: { to: bad } }'], /no name/],
  ] as const)('%s', async ([, steps, message]) => {
    await expect(world.apply(pipeline('bad', ...steps))).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      message: expect.stringMatching(message),
      details: { file: 'test.yaml' },
    });
  });

  test('a pipeline that reads what it makes, and two that read each other', async () => {
    const circle = { code: 'CONFLICT', message: expect.stringMatching(/circle/) };
    await expect(
      world.apply(pipeline('selfish', '{ name: s, sql: "SELECT origin FROM me UNION SELECT origin FROM flights" }', '{ publish: { to: me } }')),
    ).rejects.toMatchObject(circle);
    await expect(
      world.apply(`${pipeline('one', '{ name: s, transform: { from: makes_b, limit: 1 } }', '{ publish: { to: makes_a } }')}---
${pipeline('two', '{ name: s, transform: { from: makes_a, limit: 1 } }', '{ publish: { to: makes_b } }')}`),
    ).rejects.toMatchObject(circle);
  });

  test('a dataset that belongs to a document or to another pipeline', async () => {
    const steps = ['{ name: s, transform: { from: flights, select: [origin] } }', '{ publish: { to: owned } }'];
    await expect(
      world.apply(pipeline('thief', '{ name: s, transform: { from: flights, select: [origin] } }', '{ publish: { to: airports } }')),
    ).rejects.toMatchObject({ code: 'CONFLICT' });
    await world.apply(pipeline('owner', ...steps));
    await expect(world.apply(pipeline('thief', ...steps))).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('pipeline owner') });
    await expect(world.apply('kind: Dataset\nname: owned\nfields: [{ name: origin, type: text }]\n')).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});

describe('a change', () => {
  const steps = (select: string) => [`{ name: s, transform: { from: flights, select: [${select}] } }`, '{ publish: { to: chosen } }'];

  test('that changes nothing changes nothing', async () => {
    await world.apply(pipeline('choose', ...steps('origin')));
    const again = await world.apply(pipeline('choose', ...steps('origin')));
    expect(again.changes).toEqual([{ kind: 'Pipeline', name: 'choose', change: 'unchanged', details: [] }]);
  });

  test('of the columns changes the dataset', async () => {
    await world.apply(pipeline('choose', ...steps('origin, delay')));
    expect((await world.dataset('chosen')).fields.map(({ name }) => name)).toEqual(['origin', 'delay']);
    await world.apply(pipeline('choose', ...steps('delay')));
    expect((await world.dataset('chosen')).fields.map(({ name }) => name)).toEqual(['delay']);
  });

  test('of an input that a pipeline can not do with is refused', async () => {
    await expect(world.apply(FLIGHTS.replace('  - { name: delay, type: integer }\n', ''))).rejects.toMatchObject({
      code: expect.stringMatching(/BAD_USER_INPUT|CONFLICT/),
      message: expect.stringContaining('delay'),
    });
    await expect(world.apply('kind: Dataset\nname: flights\nstate: absent\n')).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('of the name of what is made takes the old dataset away', async () => {
    await world.apply(pipeline('choose', '{ name: s, transform: { from: flights, select: [delay] } }', '{ publish: { to: chosen_otherwise } }'));
    const { datasets } = await world.catalog();
    expect([datasets.has('chosen'), datasets.has('chosen_otherwise')]).toEqual([false, true]);
  });

  test('to absent takes the dataset away, unless another pipeline reads it', async () => {
    await world.apply(pipeline('reader', '{ name: s, transform: { from: chosen_otherwise, limit: 1 } }', '{ publish: { to: read } }'));
    const absent = (name: string) => `kind: Pipeline\nname: ${name}\nstate: absent\n`;
    await expect(world.apply(absent('choose'))).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('reader') });
    await world.apply(absent('reader'));
    await world.apply(absent('choose'));
    const { datasets } = await world.catalog();
    expect([datasets.has('read'), datasets.has('chosen_otherwise')]).toEqual([false, false]);
  });
});
