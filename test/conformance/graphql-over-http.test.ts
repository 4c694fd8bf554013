import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Served } from '../support/served.js';

/** The audits that the GraphQL over HTTP working group has for servers, against ours. */
let served: Served;

beforeAll(async () => {
  served = await Served.start();
});

afterAll(() => served?.close());

const audits = serverAudits({ url: async () => `${served.url}/graphql`, fetchFn: fetch });

test('there are audits', () => {
  expect(audits.length).toBeGreaterThan(50);
});

/**
 * Should be, and are not: a document that can't be run is answered with 400 also where the old media type application/json
 * is asked for, as Apollo Server does, so that what only looks at the status does not take a refusal for an answer.
 */
const KNOWN: ReadonlySet<string> = new Set(['572B', 'FDE2', '7B9B']);

describe.each(['MUST', 'SHOULD', 'MAY'])('%s', (level) => {
  test.each(audits.filter(({ name }) => name.startsWith(level)).map((audit) => ({ id: audit.id, name: audit.name, audit })))(
    '$id $name',
    async ({ id, audit }) => {
      const result = await audit.fn();
      if (KNOWN.has(id)) return expect(result).toMatchObject({ status: 'warn', reason: 'Response status code is not 200' });
      return expect(result.status === 'ok' ? 'ok' : `${result.status}: ${result.reason}`).toBe('ok');
    },
  );
});
