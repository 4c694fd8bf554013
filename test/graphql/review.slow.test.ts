import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Served } from '../support/served.js';

/** Who sees what: before a change, now, and by the record; and changes that need a reason or a second person. Over HTTP, on the whole program. */
let served: Served;
const tokens: Record<string, string> = {};

const CATALOG = `
kind: Purpose
name: support
description: Answering people who ask.
lawfulBasis: contract
contact: help@example.com
subjects: [customers]
recipients: [the postal service]
retention: two years after the last contact
---
kind: Purpose
name: marketing
---
kind: Dataset
name: people
fields:
  - { name: id, type: integer, required: true }
  - { name: email, type: text, tags: [pii.email] }
  - { name: country, type: text }
  - { name: badge, type: text, tags: [pii.badge], visibility: secret }
key: [id]
subject: id
---
kind: Dataset
name: vault
visibility: secret
fields:
  - { name: id, type: integer, required: true }
  - { name: pin, type: text, tags: [pii.pin] }
key: [id]
`;

const GRANTS = `
kind: Grant
name: analysts
to: { roles: [analyst] }
on: { datasets: [people] }
fields: { id: allow, country: allow, email: { mask: hash } }
---
kind: Grant
name: support-in-germany
to: { roles: [support] }
on: { datasets: [people] }
purposes: [support]
rows: "country = 'DE'"
rights: [read]
fields: { '*': allow }
---
kind: Grant
name: guards
to: { subjects: [gil] }
on: { datasets: [vault] }
fields: { '*': allow }
`;

beforeAll(async () => {
  served = await Served.start();
  for (const role of ['admin', 'steward', 'engineer', 'auditor', 'analyst']) tokens[role] = await served.token(role, [role]);
  tokens['other-steward'] = await served.token('other-steward', ['steward']);
  tokens['support'] = await served.token('sam', ['support'], { purposes: ['support', 'marketing'] });
  await apply('admin', `${CATALOG}---${GRANTS}`);
  expect((await served.upload(tok('engineer'), 'people', 'id,email,country,badge\n1,a@example.com,DE,B1\n2,b@example.com,FR,B2\n')).status).toBe(200);
});

afterAll(() => served?.close());

function tok(role: string): string {
  return tokens[role] ?? '';
}

async function ask<Data = Record<string, unknown>>(role: string | null, query: string, variables = {}, headers = {}) {
  return served.ask<Data>(role === null ? null : tok(role), query, variables, headers);
}

async function found<Found>(role: string, query: string, variables = {}): Promise<Found> {
  const { data, errors } = await ask<{ found: Found }>(role, query, variables);
  expect(errors).toBeUndefined();
  return data.found;
}

interface Applied {
  readonly changes: readonly { name: string; change: string }[];
  readonly needsApproval: boolean;
  readonly approval: { id: string; status: string; accessChanges: Record<string, unknown>[] } | null;
}

const APPLY = `mutation ($m: String!, $reason: String, $dryRun: Boolean) {
  found: applyManifest(manifest: $m, reason: $reason, dryRun: $dryRun) {
    changes { name change } needsApproval approval { id status accessChanges { dataset field movement before after rights audiences purposes withoutPurpose } } } }`;

async function apply(role: string, manifest: string, variables = {}): Promise<Applied> {
  return found<Applied>(role, APPLY, { m: manifest, ...variables });
}

async function code(role: string | null, query: string, variables = {}): Promise<unknown> {
  const { errors } = await ask(role, query, variables);
  return errors?.[0]?.extensions['code'] ?? 'allowed';
}

const DIFF = `query ($m: String!) { found: accessDiff(manifest: $m) { dataset field tags movement before after rights audiences purposes withoutPurpose } }`;

async function diff(role: string, manifest: string): Promise<Record<string, unknown>[]> {
  return found(role, DIFF, { m: manifest });
}

const EVERY = ['read', 'export', 'subscribe'];

describe('accessDiff', () => {
  test('tells who gains what by a new grant, and nothing is changed', async () => {
    const grant = 'kind: Grant\nname: press\nto: { anonymous: true }\non: { datasets: [people] }\nrights: [read]\nfields: { country: allow }\n';
    expect(await diff('steward', grant)).toEqual([
      {
        dataset: 'people',
        field: 'country',
        tags: [],
        movement: 'GAINED',
        before: 'nothing',
        after: 'allow',
        rights: ['read'],
        audiences: ['anonymous'],
        purposes: [],
        withoutPurpose: true,
      },
    ]);
    expect(await found<unknown[]>('steward', '{ found: grants { name } }')).toHaveLength(3);
  });

  test('tells a mask that opens, one that closes, and rows that change', async () => {
    const change = (fields: string, rows = '') =>
      `kind: Grant\nname: analysts\nto: { roles: [analyst] }\non: { datasets: [people] }\n${rows}fields: ${fields}\n`;
    const base = { dataset: 'people', rights: EVERY, audiences: ['role analyst'], purposes: ['support'], withoutPurpose: true };
    expect(await diff('steward', change('{ id: allow, country: allow, email: { mask: email } }'))).toEqual([
      { ...base, field: 'email', tags: ['pii.email'], movement: 'OPENED', before: 'hash', after: 'email' },
    ]);
    expect(await diff('steward', change('{ id: allow, email: { mask: nullify } }'))).toEqual([
      { ...base, field: 'email', tags: ['pii.email'], movement: 'CLOSED', before: 'hash', after: 'nullify' },
      { ...base, field: 'country', tags: [], movement: 'LOST', before: 'allow', after: 'nothing' },
    ]);
    const some = await diff('steward', change('{ id: allow, country: allow, email: allow }', `rows: "country = 'FR'"\n`));
    expect(some.map(({ field, movement, after }) => [field, movement, after])).toEqual([
      ['id', 'CLOSED', "allow, in rows where country = 'FR'"],
      ['email', 'CHANGED', "allow, in rows where country = 'FR'"],
      ['country', 'CLOSED', "allow, in rows where country = 'FR'"],
    ]);
  });

  test('tells what a contract opens by losing a tag, and what a removed grant takes', async () => {
    await apply(
      'admin',
      "kind: Grant\nname: by-tag\nto: { roles: [tagged] }\non: { datasets: [people] }\nfields: { '*': allow, 'tag:pii': { mask: redact } }\n",
    );
    const untagged = CATALOG.split('---')[2]?.replace(', tags: [pii.email]', '') ?? '';
    expect((await diff('engineer', untagged)).map(({ field, tags, movement, audiences }) => [field, tags, movement, audiences])).toEqual([
      ['email', ['pii.email'], 'OPENED', ['role tagged']],
    ]);
    const lost = await diff('steward', 'kind: Grant\nname: support-in-germany\nstate: absent\n');
    expect(new Set(lost.map(({ movement, audiences }) => `${String(movement)} ${String(audiences)}`))).toEqual(new Set(['LOST role support']));
    expect(lost.every(({ purposes, withoutPurpose }) => String(purposes) === 'support' && withoutPurpose === false)).toBe(true);
    await apply('admin', 'kind: Grant\nname: by-tag\nstate: absent\n');
  });

  test('names nothing that the one who asks may not know of, and is for those who may apply', async () => {
    const grant = "kind: Grant\nname: press\nto: { roles: [press] }\non: { datasets: [people, vault] }\nfields: { '*': allow, badge: allow }\n";
    expect((await diff('steward', grant)).map(({ dataset, field }) => `${String(dataset)}.${String(field)}`)).toEqual([
      'people.id',
      'people.email',
      'people.country',
    ]);
    expect((await diff('admin', grant)).map(({ dataset, field }) => `${String(dataset)}.${String(field)}`)).toEqual([
      'people.id',
      'people.email',
      'people.country',
      'people.badge',
      'vault.id',
      'vault.pin',
    ]);
    expect(await code('engineer', DIFF, { m: grant })).toBe('FORBIDDEN');
    expect(await code('analyst', DIFF, { m: grant })).toBe('FORBIDDEN');
    expect(await code(null, DIFF, { m: grant })).toBe('UNAUTHENTICATED');
  });

  test('every change that it tells is what the reader then meets', async () => {
    const read = async () => (await ask<{ people: { nodes: unknown[] } | null }>('analyst', '{ people { nodes { id email } } }')).data.people?.nodes;
    const before = await read();
    const manifest = 'kind: Grant\nname: more\nto: { roles: [analyst] }\non: { datasets: [people] }\nfields: { email: allow }\n';
    expect((await diff('steward', manifest)).map(({ field, movement, before: was, after }) => [field, movement, was, after])).toEqual([
      ['email', 'OPENED', 'hash', 'allow'],
    ]);
    expect(await read()).toEqual(before);
    await apply('steward', manifest);
    expect(await read()).toEqual([
      { id: 1, email: 'a@example.com' },
      { id: 2, email: 'b@example.com' },
    ]);
    await apply('steward', 'kind: Grant\nname: more\nstate: absent\n');
    expect(await read()).toEqual(before);
  });
});

describe('who can see, and who saw', () => {
  test('by the grants, with purpose and rows', async () => {
    const query =
      'query ($tag: String!, $unmasked: Boolean) { found: whoCanSee(tag: $tag, unmasked: $unmasked) { dataset field audience purposes withoutPurpose plain effect grants } }';
    expect(await found('steward', query, { tag: 'pii' })).toEqual([
      {
        dataset: 'people',
        field: 'email',
        audience: 'role support',
        purposes: ['support'],
        withoutPurpose: false,
        plain: true,
        effect: "allow, in rows where country = 'DE'",
        grants: ['support-in-germany'],
      },
    ]);
    const masked = await found<Record<string, unknown>[]>('auditor', query, { tag: 'pii.email', unmasked: false });
    expect(masked.map(({ audience, effect }) => [audience, effect])).toEqual([
      ['role analyst', 'hash'],
      ['role support', "allow, in rows where country = 'DE'"],
    ]);
    const all = await found<Record<string, unknown>[]>('admin', query, { tag: 'tag:pii' });
    expect(all.map(({ dataset, field, audience }) => [dataset, field, audience])).toEqual([
      ['people', 'email', 'role support'],
      ['vault', 'pin', 'subject gil'],
    ]);
    expect(await code('steward', query, { tag: 'PII!' })).toBe('BAD_USER_INPUT');
    for (const role of ['engineer', 'analyst']) expect(await code(role, query, { tag: 'pii' })).toBe('FORBIDDEN');
  });

  test('by the record: only those who were given plain values, and only since the moment asked for', async () => {
    const query = 'query ($tag: String!, $since: DateTime) { found: whoSaw(tag: $tag, since: $since) { dataset field principal purposes acts rows } }';
    await ask('analyst', '{ people { nodes { email } } }');
    const { errors } = await ask('support', '{ people { nodes { email } } }', {}, { 'x-purpose': 'support' });
    expect(errors).toBeUndefined();
    const seen = await found<Record<string, unknown>[]>('auditor', query, { tag: 'pii' });
    // The analyst had it plain for a moment, in the test above.
    expect(seen.toSorted((a, b) => String(a['principal']).localeCompare(String(b['principal'])))).toEqual([
      { dataset: 'people', field: 'email', principal: 'analyst', purposes: [], acts: 1, rows: '2' },
      { dataset: 'people', field: 'email', principal: 'sam', purposes: ['support'], acts: 1, rows: '1' },
    ]);
    expect(await found('auditor', query, { tag: 'pii', since: new Date(Date.now() + 60_000).toISOString() })).toEqual([]);
  });

  test('grants of use and of none', async () => {
    await apply(
      'steward',
      'kind: Grant\nname: forgotten\nto: { roles: [gone] }\non: { datasets: [people] }\nfields: { id: allow }\n---\nkind: Grant\nname: reaches-nothing\nto: { roles: [gone] }\non: { tags: [nothing.has.it] }\nfields: { "*": allow }\n',
    );
    const names = async (variables: object) =>
      (
        await found<{ grant: string; acts: number }[]>(
          'steward',
          'query ($since: DateTime, $unused: Boolean) { found: grantUses(since: $since, unused: $unused) { grant acts lastUsedAt } }',
          variables,
        )
      ).map(({ grant, acts }) => `${grant} ${acts > 0 ? 'used' : 'unused'}`);
    expect(await names({})).toEqual(['analysts used', 'forgotten unused', 'guards unused', 'reaches-nothing unused', 'support-in-germany used']);
    expect(await names({ unused: true })).toEqual(['forgotten unused', 'guards unused', 'reaches-nothing unused']);
    expect(await names({ unused: true, since: new Date(Date.now() + 60_000).toISOString() })).toHaveLength(5);
    await apply('steward', 'kind: Grant\nname: forgotten\nstate: absent\n---\nkind: Grant\nname: reaches-nothing\nstate: absent\n');
  });
});

test('the record of processing activities, with what it lacks', async () => {
  const record = await found<Record<string, unknown>[]>(
    'steward',
    `{ found: processingActivities { purpose lawfulBasis contact categoriesOfSubjects categoriesOfData recipients retention gaps
        datasets { dataset subject plain masked grants } } }`,
  );
  expect(record).toEqual([
    {
      purpose: 'marketing',
      lawfulBasis: null,
      contact: null,
      categoriesOfSubjects: [],
      categoriesOfData: [],
      recipients: [],
      retention: null,
      gaps: [],
      datasets: [],
    },
    {
      purpose: 'support',
      lawfulBasis: 'contract',
      contact: 'help@example.com',
      categoriesOfSubjects: ['customers'],
      categoriesOfData: ['pii.email'],
      recipients: ['role support', 'the postal service'],
      retention: 'two years after the last contact',
      gaps: [],
      datasets: [{ dataset: 'people', subject: 'id', plain: ['id', 'email', 'country'], masked: [], grants: ['support-in-germany'] }],
    },
    {
      purpose: null,
      lawfulBasis: null,
      contact: null,
      categoriesOfSubjects: [],
      categoriesOfData: ['pii.email'],
      recipients: ['role analyst'],
      retention: null,
      gaps: ['people: data about people can be read without a purpose. Give these grants purposes.'],
      datasets: [{ dataset: 'people', subject: 'id', plain: ['id', 'country'], masked: ['email'], grants: ['analysts'] }],
    },
  ]);
  const whole = await found<{ datasets: { dataset: string }[] }[]>('admin', '{ found: processingActivities { datasets { dataset } } }');
  expect(whole.flatMap(({ datasets }) => datasets.map(({ dataset }) => dataset))).toContain('vault');
  expect(JSON.stringify(await found('steward', '{ found: processingActivities { datasets { dataset plain } } }'))).not.toMatch(/vault|badge/);
});

describe('changes that need a reason', () => {
  beforeAll(() => apply('admin', 'kind: ChangePolicy\nname: reasons\nrequireReason: [Grant, ApiKey]\n'));
  afterAll(() => apply('admin', 'kind: ChangePolicy\nname: reasons\nstate: absent\n'));
  const grant = 'kind: Grant\nname: tmp\nto: { roles: [tmp] }\non: { datasets: [people] }\nfields: { id: allow }\n';

  test('are refused without one, and change nothing; other kinds need none', async () => {
    const { errors } = await ask('steward', APPLY, { m: grant });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'reason', policy: 'reasons' });
    expect(await code('steward', APPLY, { m: grant, reason: '  ' })).toBe('BAD_USER_INPUT');
    expect(await code('steward', 'mutation { deleteGrant(name: "analysts") }')).toBe('BAD_USER_INPUT');
    expect(await code('admin', 'mutation { createApiKey(input: { name: "k", subject: "s", roles: ["x"] }) { secret } }')).toBe('BAD_USER_INPUT');
    expect(await found<{ name: string }[]>('steward', '{ found: grants { name } }')).toEqual([
      { name: 'analysts' },
      { name: 'guards' },
      { name: 'support-in-germany' },
    ]);
    expect(await code('steward', APPLY, { m: 'kind: Purpose\nname: other\n' })).toBe('allowed');
    // A dry run changes nothing, so it needs none.
    expect(await code('steward', APPLY, { m: grant, dryRun: true })).toBe('allowed');
  });

  test('have it on the record', async () => {
    await apply('steward', grant, { reason: 'ticket 42' });
    expect(await code('steward', 'mutation { deleteGrant(name: "tmp", reason: "ticket 43") }')).toBe('allowed');
    expect(await code('admin', 'mutation { createApiKey(input: { name: "k", subject: "s", roles: ["x"] }, reason: "ticket 44") { secret } }')).toBe('allowed');
    const entries = await found<{ nodes: { action: string; details: Record<string, unknown> }[] }>(
      'auditor',
      '{ found: auditEntries(first: 20) { nodes { action details } } }',
    );
    // To look at the record is on the record too.
    expect(entries.nodes.filter(({ details }) => details['reason'] !== undefined).map(({ action, details }) => [action, details['reason']])).toEqual([
      ['key.create', 'ticket 44'],
      ['apply', 'ticket 43'],
      ['apply', 'ticket 42'],
    ]);
  });
});

describe('changes that need a second person', () => {
  beforeAll(() => apply('admin', 'kind: ChangePolicy\nname: pii\nfourEyes: { tags: [pii] }\n'));

  const opening = 'kind: Grant\nname: analysts\nto: { roles: [analyst] }\non: { datasets: [people] }\nfields: { id: allow, country: allow, email: allow }\n';
  const emails = async () =>
    (await ask<{ people: { nodes: { email: string }[] } }>('analyst', '{ people { nodes { email } } }')).data.people.nodes.map(({ email }) => email);

  test('what opens no watched field is applied at once', async () => {
    const closing = await apply('steward', opening.replace('email: allow', 'email: { mask: redact }'));
    expect([closing.needsApproval, closing.approval]).toEqual([false, null]);
    expect(await emails()).toEqual(['***', '***']);
  });

  test('what opens one is kept, and applied when another steward approves it', async () => {
    expect(await apply('steward', opening, { dryRun: true })).toMatchObject({ needsApproval: true, approval: null });
    const { approval, needsApproval } = await apply('steward', opening, { reason: 'a study' });
    expect(needsApproval).toBe(true);
    expect(approval).toMatchObject({
      status: 'PENDING',
      accessChanges: [{ field: 'email', movement: 'OPENED', before: 'redact', after: 'allow', audiences: ['role analyst'] }],
    });
    expect(await emails()).toEqual(['***', '***']);
    const approve = 'mutation ($id: ID!) { found: approveChange(id: $id, reason: "looked at it") { status decidedBy } }';
    const id = approval?.id ?? '';
    expect(await code('steward', approve, { id })).toBe('FORBIDDEN');
    for (const role of ['engineer', 'auditor', 'analyst']) expect(await code(role, approve, { id })).toBe('FORBIDDEN');
    expect(await emails()).toEqual(['***', '***']);
    expect(await found('other-steward', approve, { id })).toEqual({ status: 'APPROVED', decidedBy: 'other-steward' });
    expect(await emails()).toEqual(['a@example.com', 'b@example.com']);
    expect(await code('other-steward', approve, { id })).toBe('CONFLICT');
    const entries = await found<{ nodes: Record<string, unknown>[] }>(
      'auditor',
      `{ found: auditEntries(first: 20) { nodes { principal action decision details } } }`,
    );
    const ours = entries.nodes.filter(({ details }) => (details as Record<string, unknown>)['changeRequest'] === id);
    expect(ours.map(({ principal, action, decision }) => [principal, action, decision].join(' ')).toSorted()).toEqual([
      'other-steward change.approve ALLOWED',
      'steward apply ALLOWED',
      'steward change.approve DENIED',
      'steward change.request ALLOWED',
    ]);
    expect(ours.find(({ action }) => action === 'apply')?.['details']).toMatchObject({ approvedBy: 'other-steward', reason: 'a study' });
    await apply('steward', opening.replace('email: allow', 'email: { mask: redact }'));
  });

  test('nobody is a second person by a key that they made', async () => {
    const made = await found<{ secret: string }>(
      'admin',
      'mutation { found: createApiKey(input: { name: "mine", subject: "someone-else", roles: ["steward"] }) { secret } }',
    );
    const asKey = (key: string, query: string, variables = {}) =>
      fetch(`${served.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': key },
        body: JSON.stringify({ query, variables }),
      }).then(
        async (response) =>
          (await response.json()) as {
            data: Record<string, { id: string; secret: string; approval: { id: string } }>;
            errors?: { extensions: { code: string } }[];
          },
      );
    const approve = 'mutation ($id: ID!) { approveChange(id: $id) { status } }';
    const byAdmin = await apply('admin', opening);
    expect((await asKey(made.secret, approve, { id: byAdmin.approval?.id })).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    // And the other way round: asked for with the key, approved by who made it.
    const byKey = await asKey(made.secret, APPLY, { m: opening });
    expect(await code('admin', approve, { id: byKey.data['found']?.approval.id })).toBe('FORBIDDEN');
    expect(await code('other-steward', 'mutation ($id: ID!) { refuseChange(id: $id) { status } }', { id: byAdmin.approval?.id })).toBe('allowed');
    expect(await found('other-steward', 'mutation ($id: ID!) { found: approveChange(id: $id) { status } }', { id: byKey.data['found']?.approval.id })).toEqual({
      status: 'APPROVED',
    });
    await apply('steward', opening.replace('email: allow', 'email: { mask: redact }'));
  });

  test('every way to open a watched field waits: a grant, a tag that goes, a denial that goes, the policy that goes', async () => {
    const untagged = CATALOG.split('---')[2]?.replace(', tags: [pii.email]', '') ?? '';
    await apply(
      'steward',
      "kind: Grant\nname: tagged\nto: { roles: [tagged] }\non: { datasets: [people] }\nfields: { id: allow, country: allow, 'tag:pii': { mask: nullify } }\n",
    ).then(async ({ approval }) =>
      expect(await found('other-steward', 'mutation ($id: ID!) { found: approveChange(id: $id) { status } }', { id: approval?.id })).toEqual({
        status: 'APPROVED',
      }),
    );
    const before = "kind: Grant\nname: tagged\nto: { roles: [tagged] }\non: { datasets: [people] }\nfields: { '*': allow, 'tag:pii': deny }\n";
    expect((await apply('steward', before)).approval).toBeNull();
    for (const [role, manifest] of [
      ['engineer', untagged],
      ['steward', before.replace('deny', 'allow')],
      ['steward', "kind: Grant\nname: news\nto: { roles: ['*'] }\non: { tags: [pii.email] }\nfields: { '*': { mask: hash } }\n"],
      ['admin', 'kind: ChangePolicy\nname: pii\nstate: absent\n'],
      ['admin', 'kind: ChangePolicy\nname: pii\nrequireReason: true\n'],
    ] as const) {
      const { approval } = await apply(role, manifest);
      expect(approval, manifest).not.toBeNull();
      expect(await found('other-steward', 'mutation ($id: ID!) { found: refuseChange(id: $id) { status } }', { id: approval?.id })).toEqual({
        status: 'REFUSED',
      });
    }
    const { errors } = await ask('admin', 'mutation { deleteChangePolicy(name: "pii") }');
    expect(errors?.[0]).toMatchObject({ extensions: { code: 'CONFLICT', changeRequest: expect.any(String) as string } });
    expect(await emails()).toEqual(['***', '***']);
  });

  describe('and so does what shows only to one who is two, or by what comes after', () => {
    const base = (name: string, rest: string) => `kind: Grant\nname: ${name}\n${rest}`;
    const refuse = async (id: string | undefined) =>
      expect(await found('other-steward', 'mutation ($id: ID!) { found: refuseChange(id: $id) { status } }', { id })).toEqual({ status: 'REFUSED' });
    const approved = async (role: string, manifest: string) => {
      const { approval } = await apply(role, manifest);
      if (approval)
        expect(await found('other-steward', 'mutation ($id: ID!) { found: approveChange(id: $id) { status } }', { id: approval.id })).toEqual({
          status: 'APPROVED',
        });
    };

    test.each([
      ['another expression', 'email: { mask: sql, sql: "\'x\'" }', 'email: { mask: sql, sql: "email || \'\'" }'],
      ['more characters', 'email: { mask: partial, first: 1 }', 'email: { mask: partial, first: 30 }'],
      ['a scope that joins', 'email: { mask: hash }', 'email: { mask: hash, scope: people }'],
    ])('a mask of the same kind with other settings: %s', async (_, before, after) => {
      const grant = (email: string) => base('settings', `to: { roles: [settings] }\non: { datasets: [people] }\nfields: { id: allow, ${email} }\n`);
      await approved('steward', grant(before));
      const { approval } = await apply('steward', grant(after));
      expect(approval?.accessChanges).toMatchObject([{ field: 'email', movement: 'CHANGED' }]);
      await refuse(approval?.id);
      await apply('steward', 'kind: Grant\nname: settings\nstate: absent\n');
    });

    test('a denial for somebody that another role would show it to', async () => {
      expect((await apply('steward', base('not-bob', 'to: { subjects: [bob] }\non: { datasets: [people] }\nfields: { email: deny }\n'))).approval).toBeNull();
      for (const change of ['state: absent\n', 'to: { subjects: [bob] }\non: { datasets: [people] }\nrows: "id > 5"\nfields: { id: allow, email: deny }\n']) {
        const { approval } = await apply('steward', base('not-bob', change));
        expect(approval, change).not.toBeNull();
        await refuse(approval?.id);
      }
    });

    test('what another field, or a row filter, tells of a watched one', async () => {
      for (const rest of [
        'to: { roles: [sly] }\non: { datasets: [people] }\ndiscloses: [email]\nfields: { id: allow, country: { mask: sql, sql: "email || \'\'" } }\n',
        'to: { roles: [sly] }\non: { datasets: [people] }\nrows: "email > \'m\'"\ndiscloses: [email]\nfields: { id: allow }\n',
      ]) {
        const { approval } = await apply('steward', base('sly', rest));
        expect(approval, rest).not.toBeNull();
        await refuse(approval?.id);
      }
    });

    test('a watched tag that goes where nobody sees the field yet', async () => {
      const dataset = (tags: string) => `kind: Dataset\nname: unseen\nfields: [{ name: id, type: integer }, { name: ssn, type: text${tags} }]\n`;
      expect((await apply('engineer', dataset(', tags: [pii.ssn]'))).approval).toBeNull();
      const { approval } = await apply('engineer', dataset(''));
      expect(approval).not.toBeNull();
      await refuse(approval?.id);
    });

    test('a pipeline that says it anonymises what is watched', async () => {
      const pipeline =
        'kind: Pipeline\nname: washed\nsteps:\n  - { name: all, sql: "SELECT id, email FROM people", anonymises: { tags: [pii], reason: trust me } }\n  - { name: out, publish: { to: washed, key: [id] } }\n';
      const { approval } = await apply('engineer', pipeline);
      expect(approval).not.toBeNull();
      await refuse(approval?.id);
    });

    test('a hold names persons, and is in no request', async () => {
      const hold = 'kind: LegalHold\nname: case\nreason: a case\nsubjects: ["4711"]\n';
      expect(await code('admin', APPLY, { m: `${hold}---\n${opening}` })).toBe('CONFLICT');
      expect(JSON.stringify(await served.sql('SELECT * FROM headgate.change_request'))).not.toContain('4711');
    });

    test('an approval writes over nothing that came meanwhile', async () => {
      const tagged = (tags: string) => `kind: Classification\nname: people\nfields: { country: { tags: ${tags} } }\n`;
      await approved('steward', tagged('[place]'));
      const { approval } = await apply('steward', `${tagged('[place]')}---\n${opening}`);
      await approved('steward', tagged('[place, sensitive]'));
      expect(await code('other-steward', 'mutation ($id: ID!) { approveChange(id: $id) { status } }', { id: approval?.id })).toBe('CONFLICT');
      await refuse(approval?.id);
    });

    test('who asked is told no field that they may not know of', async () => {
      const { approval } = await apply(
        'steward',
        "kind: Grant\nname: blind\nto: { roles: [guard] }\non: { datasets: [vault, people] }\nfields: { '*': allow, email: allow }\n",
      );
      expect(approval).not.toBeNull();
      expect(JSON.stringify(approval)).not.toMatch(/pin|vault/);
      await found('steward', 'mutation ($id: ID!) { found: refuseChange(id: $id) { status } }', { id: approval?.id });
    });
  });

  test('what would change something else by now is not applied', async () => {
    const { approval } = await apply('steward', opening);
    await apply(
      'admin',
      'kind: Grant\nname: analysts\nto: { roles: [analyst] }\non: { datasets: [people] }\nfields: { id: allow, country: allow, email: { mask: nullify } }\n',
    );
    expect(await code('other-steward', 'mutation ($id: ID!) { approveChange(id: $id) { status } }', { id: approval?.id })).toBe('CONFLICT');
    expect(await emails()).toEqual([null, null]);
    expect(await found('steward', 'mutation ($id: ID!) { found: refuseChange(id: $id) { status } }', { id: approval?.id })).toEqual({ status: 'WITHDRAWN' });
  });

  test('a request that names what a steward may not know of is shown to admins only', async () => {
    const { approval } = await apply('admin', "kind: Grant\nname: guards-too\nto: { roles: [guard] }\non: { datasets: [vault] }\nfields: { '*': allow }\n");
    const ids = async (role: string) => (await found<{ id: string }[]>(role, '{ found: changeRequests(status: PENDING) { id } }')).map(({ id }) => id);
    expect(await ids('admin')).toContain(approval?.id);
    expect(await ids('other-steward')).not.toContain(approval?.id);
    expect(await code('other-steward', 'mutation ($id: ID!) { approveChange(id: $id) { status } }', { id: approval?.id })).toBe('NOT_FOUND');
  });
});
