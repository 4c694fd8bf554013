import { expect, test } from 'vitest';
import { Gate } from '../../src/http/gate.js';

function gate() {
  const noted: { subject: string; reason: string }[] = [];
  const limits = { rateLimit: 1, rateLimitAnonymous: 2, rateLimitIntrospection: 1, rateLimitEvents: 3 };
  const tally = { note: ({ subject }: { readonly subject: string }, { reason }: { readonly reason: string }) => void noted.push({ subject, reason }) };
  return { gate: new Gate({ limits, overload: { isOver: false }, tally }), noted };
}
const SHOP = { subject: 'events/shop', roles: [] };

test('each source of events may send so many requests a minute, whoever signs them', async () => {
  const { gate: it, noted } = gate();
  for (let i = 0; i < 3; i += 1) await it.admitEvents(SHOP, 'shop');
  await expect(it.admitEvents({ subject: 'ada', roles: [] }, 'shop')).rejects.toMatchObject({ code: 'RATE_LIMITED', details: { reason: 'events', limit: 3 } });
  await it.admitEvents(SHOP, 'other');
  expect(noted).toEqual([{ subject: 'ada', reason: 'events' }]);
});

test('requests that are not signed are on the record by their number, and refused by their address once there were too many', async () => {
  const { gate: it, noted } = gate();
  expect(await it.refuseEvents(SHOP, 'signature', '192.0.2.1')).toBeUndefined();
  expect(await it.refuseEvents(undefined, 'signature', '192.0.2.1')).toBeUndefined();
  expect(await it.refuseEvents(SHOP, 'replay', '192.0.2.1')).toMatchObject({ code: 'RATE_LIMITED' });
  expect(await it.refuseEvents(SHOP, 'replay', '198.51.100.1')).toBeUndefined();
  expect(noted).toEqual([
    { subject: 'events/shop', reason: 'signature' },
    { subject: 'unknown', reason: 'signature' },
    { subject: 'unknown', reason: 'login' },
    { subject: 'events/shop', reason: 'replay' },
  ]);
});
