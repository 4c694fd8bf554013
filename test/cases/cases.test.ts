import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditFact } from '../../src/audit/index.js';
import type { Principal } from '../../src/identity/index.js';
import type { PreparedQuery } from '../../src/store/index.js';
import type { Answer, House } from '../support/house.js';
import { prettySql } from '../support/pretty-sql.js';
import { openFixture } from './open-fixture.js';
import { PRINCIPALS } from './principals.js';

/**
 * Each folder `<topic>/<case>` is an operation, run as each of its principals over the fixture; what came of it is
 * in `<principal>.snap.md` beside it: answer, SQL and audit, to be read in review. `vitest run test/cases -u` writes
 * them anew.
 */
const HERE = import.meta.dirname;
/** Small enough that the cases of topic `limits` can pass them. */
const LIMITS = { maxCost: 5_000, maxPage: 100, maxDepth: 8, maxAliases: 10, maxTokens: 500 };

let house: House;

beforeAll(async () => {
  house = await openFixture(LIMITS);
});

afterAll(() => house?.close());

const folders = (path: string) =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();

describe.each(folders(HERE).filter((name) => name !== 'fixture'))('%s', (topic) => {
  for (const name of folders(join(HERE, topic))) runCase(join(HERE, topic, name), name);
});

function runCase(folder: string, name: string): void {
  const files = new Set(readdirSync(folder));
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  const operation = read('operation.graphql');
  const variables = files.has('variables.json') ? (JSON.parse(read('variables.json')) as Record<string, unknown>) : {};
  const principals = JSON.parse(read('principals.json')) as string[];

  test.each(principals)(`${name}: %s`, async (principal) => {
    const who = (PRINCIPALS as Readonly<Record<string, Principal>>)[principal];
    if (!who) throw new Error(`${principal} is not in principals.ts`);
    house.statements.length = 0;
    house.facts.length = 0;
    const answer = await house.query(who, operation, variables);
    const page = snapshot({ title: `${name}, as ${principal}`, who, answer, statements: house.statements, facts: house.facts });
    await expect(page).toMatchFileSnapshot(join(folder, `${principal}.snap.md`));
  });

  test(`${name}: says what it promises, and has no file left over`, () => {
    expect(operation).toMatch(/^# \w/);
    const known = new Set(['operation.graphql', 'principals.json', 'variables.json', ...principals.map((principal) => `${principal}.snap.md`)]);
    expect([...files].filter((file) => !known.has(file))).toEqual([]);
  });
}

interface Outcome {
  readonly title: string;
  readonly who: Principal;
  readonly answer: Answer;
  readonly statements: readonly PreparedQuery[];
  readonly facts: readonly AuditFact[];
}

function snapshot({ title, who, answer, statements, facts }: Outcome): string {
  const json = JSON.stringify(JSON.parse(answer.text), undefined, 2);
  // Root fields are read side by side, so their statements come in no order.
  const sorted = statements.toSorted((a, b) => (`${a.text} ${JSON.stringify(a.values)}` < `${b.text} ${JSON.stringify(b.values)}` ? -1 : 1));
  const sql = sorted.map(({ text, values }) => [fenced('sql', prettySql(text)), ...values.map((value, i) => `- $${i + 1}: ${valueText(value)}`)].join('\n'));
  const audit = facts
    .map(({ operationHash: _hash, durationMs: _duration, actor: _actor, ...fact }) => JSON.stringify(fact))
    // Entries of one request are written together, in no order.
    .toSorted()
    .map((fact) => `- ${fact}`);
  return [
    `# ${title}`,
    `${who.anonymous ? 'Without a credential' : `Roles: ${who.roles.join(', ')}`}; claims: ${JSON.stringify(who.claims)}; purpose: ${who.purpose ?? 'none'}.`,
    '## Answer',
    fenced('json', json),
    '## SQL',
    ...(sql.length > 0 ? sql : ['None.']),
    '## Audit',
    audit.length > 0 ? audit.join('\n') : 'None.',
    '',
  ].join('\n\n');
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

function valueText(value: unknown): string {
  return Buffer.isBuffer(value) ? 'a mask key' : JSON.stringify(value ?? null);
}
