import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId, type HeadgateError } from '../../src/kernel/index.js';
import { advanceStage, LIFECYCLE_STAGES, STAGE_EVENTS, STAGE_TRANSITIONS, WHOLE_LOAD } from '../../src/lifecycle/index.js';
import { createWorld, type World } from './setup.js';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await world.database.query("INSERT INTO headgate.dataset (id, name, type_name, contract_version) VALUES ($1, 'things', 'Thing', 1)", [newId()]);
});
afterAll(async () => {
  await world?.close();
});

test('a whole load ends with the data served, and so does the next', async () => {
  expect(await advanceStage(world.database, 'things', WHOLE_LOAD)).toBe('ACCESS');
  expect(await advanceStage(world.database, 'things', WHOLE_LOAD)).toBe('ACCESS');
});

test('each stage allows exactly the events of the table', async () => {
  for (const stage of LIFECYCLE_STAGES) {
    for (const event of STAGE_EVENTS) {
      await world.database.query("UPDATE headgate.dataset SET stage = $1 WHERE name = 'things'", [stage]);
      const moved = await advanceStage(world.database, 'things', [event]).catch((error: unknown) => (error as HeadgateError).code);
      expect(moved, `${stage} ${event}`).toBe(STAGE_TRANSITIONS[stage][event] ?? 'CONFLICT');
    }
  }
});

test('every stage can be reached', () => {
  const reached = new Set<string>(['INGESTION', ...Object.values(STAGE_TRANSITIONS).flatMap((row) => Object.values(row))]);
  expect(reached).toEqual(new Set(LIFECYCLE_STAGES));
});
