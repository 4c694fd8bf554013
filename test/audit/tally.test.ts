import { expect, test } from 'vitest';
import { Tally, type AuditFact } from '../../src/audit/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { until } from '../support/processes.js';

const actor = (subject: string) => ({ subject, roles: ['reader'], credential: 'token:us', claims: { secret: 1 } });
const RATE = { code: 'RATE_LIMITED', reason: 'rate' };

function tallyOf(everyMs: number, record?: (fact: AuditFact) => Promise<void>) {
  const facts: AuditFact[] = [];
  const reasons: string[] = [];
  const audit = { record: record ?? (async (fact: AuditFact) => void facts.push(fact)) };
  return { facts, reasons, tally: new Tally({ audit, log: silentLog, everyMs, onRefusal: (reason) => reasons.push(reason) }) };
}

test('a flood is one entry for each actor and reason, with the number, and nothing of the actor beside its name', async () => {
  const { tally, facts, reasons } = tallyOf(50);
  for (let i = 0; i < 1000; i++) tally.note(actor('a'), RATE);
  tally.note(actor('a'), { code: 'RATE_LIMITED', reason: 'concurrency' });
  tally.note(actor('b'), RATE);
  await until('they are written', () => facts.length === 3);
  expect(facts[0]).toEqual({
    actor: { subject: 'a', roles: ['reader'] },
    action: 'limit',
    decision: 'DENIED',
    details: { code: 'RATE_LIMITED', reason: 'rate', count: 1000 },
  });
  expect(reasons).toHaveLength(1002);
  tally.note(actor('a'), RATE);
  await tally.close();
  expect(facts.at(-1)?.details).toMatchObject({ count: 1 });
});

test('a flood of names is bounded, and none is lost from the count', async () => {
  const { tally, facts } = tallyOf(60_000);
  for (let i = 0; i < 10_000; i++) tally.note(actor(`a${i}`), RATE);
  await tally.close();
  expect(facts.length).toBeLessThan(600);
  expect(facts.reduce((sum, { details }) => sum + Number(details?.['count']), 0)).toBe(10_000);
});

test('what can not be written stops nobody', async () => {
  const { tally } = tallyOf(60_000, async () => {
    throw new Error('no database');
  });
  tally.note(actor('a'), RATE);
  await expect(tally.close()).resolves.toBeUndefined();
});
