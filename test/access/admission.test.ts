import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Admission } from '../../src/access/index.js';
import { ANONYMOUS, clientKey, type Principal } from '../../src/identity/index.js';
import { isHeadgateError } from '../../src/kernel/index.js';

const who = (subject: string, credential = 'token:us'): Principal => ({ subject, credential, roles: [], purposes: [], claims: {}, anonymous: false });

test('whatever comes and goes, nobody has more places than there are, and a place that was left is free', () => {
  const step = fc.record({ subject: fc.constantFrom('a', 'b', 'c'), leaves: fc.boolean(), twice: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 60 }), (max, steps) => {
      const admission = new Admission({ max });
      const inside = new Map<string, (() => void)[]>();
      for (const { subject, leaves, twice } of steps) {
        const places = inside.get(subject) ?? [];
        inside.set(subject, places);
        if (leaves) {
          const leave = places.pop();
          leave?.();
          if (twice) leave?.();
        } else if (places.length < max) places.push(admission.enter(who(subject)));
        else expect(() => admission.enter(who(subject))).toThrow(/under way/);
      }
      expect(admission.size).toBe([...inside.values()].reduce((sum, places) => sum + places.length, 0));
    }),
  );
});

test('a refusal has its code, when to come again, and is told', () => {
  const told: string[] = [];
  const admission = new Admission({ max: 1, onRefusal: ({ subject }, { code }) => told.push(`${subject} ${code}`) });
  admission.enter(who('a'));
  const error: unknown = (() => {
    try {
      return admission.enter(who('a', 'token:other'));
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(isHeadgateError(error) && [error.code, error.details]).toEqual(['RATE_LIMITED', { reason: 'concurrency', limit: 1, retryAfter: 1 }]);
  expect(told).toEqual(['a RATE_LIMITED']);
  expect(admission.tryEnter(who('a'))).toBeUndefined();
  // A key under the same subject is another client than a token.
  admission.enter(who('a', 'key:1'))();
});

test('0 is any number', () => {
  const admission = new Admission({ max: 0 });
  for (let i = 0; i < 1000; i++) admission.enter(ANONYMOUS);
  expect(admission.size).toBe(1000);
});

test.each([
  ['10.0.0.1', '10.0.0.2', false],
  ['10.0.0.1', '::ffff:10.0.0.1', true],
  ['2001:db8::1', '2001:db8::ffff:1', true],
  ['2001:db8:0:0:1::1', '2001:db8::2:0:0:1', true],
  ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
  ['fe80::1%eth0', 'fe80::2', true],
  ['::1', '127.0.0.1', false],
])('without a credential %s and %s are one client: %s', (one, other, same) => {
  expect(clientKey(ANONYMOUS, one) === clientKey(ANONYMOUS, other)).toBe(same);
});

test('nobody with a credential is taken for somebody without, or for a network', () => {
  expect(clientKey(who('10.0.0.1', 'anonymous:x'))).not.toBe(clientKey({ ...ANONYMOUS }, '10.0.0.2'));
  expect(clientKey(who('anonymous'))).not.toBe(clientKey(ANONYMOUS));
});
