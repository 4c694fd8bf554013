import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PRINCIPALS } from '../cases/principals.js';
import type { House } from '../support/house.js';

/** The query cases, as questions to two houses that have the same rows in different places. */
export const CASES = join(import.meta.dirname, '../cases');
export const LIMITS = { maxCost: 5_000, maxPage: 100, maxDepth: 8, maxAliases: 10, maxTokens: 500 };

export interface QueryCase {
  readonly name: string;
  readonly who: keyof typeof PRINCIPALS;
}

const folders = (path: string) =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();

/** Without those that can't be asked of a source: consents are kept here. */
export const cases: readonly QueryCase[] = folders(CASES)
  .filter((topic) => topic !== 'fixture' && topic !== 'consent')
  .flatMap((topic) => folders(join(CASES, topic)).map((name) => join(topic, name)))
  .flatMap((name) => (JSON.parse(readFileSync(join(CASES, name, 'principals.json'), 'utf8')) as (keyof typeof PRINCIPALS)[]).map((who) => ({ name, who })));

/** Here the rows come in the order of ids that are random in the store, since the reader may not see the key; so the first two are others. */
const BY_ROW_ID = new Set(['paging/forward: researcher', 'purposes/declared: researcher']);
const FIRST_ROWS = new Set(['paging/forward: researcher']);

/** What the store answers, which does not change. */
export class StoredAnswers {
  readonly #stored: House;
  readonly #texts = new Map<string, Promise<string>>();

  constructor(stored: House) {
    this.#stored = stored;
  }

  async text({ name, who }: QueryCase, operation: string, variables: Record<string, unknown>): Promise<string> {
    const key = `${name}: ${who}`;
    const asked = this.#texts.get(key) ?? this.#stored.query(PRINCIPALS[who], operation, variables).then(({ text }) => text);
    this.#texts.set(key, asked);
    return asked;
  }
}

export async function expectSameAnswer({ name, who }: QueryCase, live: House, stored: StoredAnswers): Promise<void> {
  const folder = join(CASES, name);
  const operation = readFileSync(join(folder, 'operation.graphql'), 'utf8');
  const variables = readdirSync(folder).includes('variables.json')
    ? (JSON.parse(readFileSync(join(folder, 'variables.json'), 'utf8')) as Record<string, unknown>)
    : {};
  const answer = await live.query(PRINCIPALS[who], operation, variables);
  const expected = await stored.text({ name, who }, operation, variables);
  if (BY_ROW_ID.has(`${name}: ${who}`)) {
    const compared = (text: string) =>
      sorted(text).pages.map(({ rows, ...page }) => ({ ...page, rows: FIRST_ROWS.has(`${name}: ${who}`) ? rows.length : rows }));
    expect(compared(answer.text)).toEqual(compared(expected));
  } else {
    expect(JSON.parse(unmarked(answer.text))).toEqual(JSON.parse(unmarked(expected)));
    expect(unmarked(answer.text)).toBe(unmarked(expected));
  }
}

/** Cursors without their mark: at a source it also says which master key is active, since row ids are made with it there. */
function unmarked(text: string): string {
  return text.replaceAll(/"(WyJ[A-Za-z0-9_-]+)"/g, (_, cursor: string) => {
    const [, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    return JSON.stringify(['cursor', ...values]);
  });
}

/** The rows of each page, in an order of ours, without their cursors. */
function sorted(text: string): {
  readonly pages: readonly { readonly key: string; readonly rows: readonly string[]; readonly totalCount: number | undefined }[];
} {
  const { data } = JSON.parse(text) as { data: Record<string, { nodes?: unknown[]; edges?: { node: unknown }[]; totalCount?: number }> };
  const pages = Object.entries(data).map(([key, { nodes, edges, totalCount }]) => {
    const rows = [...(nodes ?? []), ...(edges ?? []).map(({ node }) => node)].map((row) => JSON.stringify(row)).toSorted();
    return { key, rows, totalCount };
  });
  return { pages };
}
