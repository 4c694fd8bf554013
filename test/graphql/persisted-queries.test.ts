import { expect, test } from 'vitest';
import { PersistedQueries } from '../../src/graphql/dataplane/persisted-queries.js';

test('the texts that clients register have a bound: the one used longest ago goes, and a huge one never comes', async () => {
  const queries = new PersistedQueries();
  await queries.set('apq:first', '{ me }');
  for (let i = 0; i < 300; i++) {
    await queries.set(`apq:${i}`, `{ me } # ${'x'.repeat(60_000)}`);
    expect(queries.textOf('first')).toBe('{ me }');
  }
  expect(queries.characters).toBeLessThanOrEqual(4 * 1024 ** 2);
  expect(queries.size).toBeGreaterThan(50);
  expect(queries.textOf('0')).toBeUndefined();
  await queries.set('apq:huge', `{ me } # ${'x'.repeat(70_000)}`);
  expect(queries.textOf('huge')).toBeUndefined();
});
