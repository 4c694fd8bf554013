import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MaskBench, field } from './mask-support.js';

let bench: MaskBench;

beforeAll(async () => {
  bench = await MaskBench.open();
});
afterAll(() => bench?.close());

const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((s) => !s.includes('\0') && s.isWellFormed());
const texts = fc.array(fc.oneof(text, fc.emailAddress()), { minLength: 1, maxLength: 30 });
const runs = { numRuns: 100 };

test('partial shows no more than was asked for, and no more than half', async () => {
  await fc.assert(
    fc.asyncProperty(texts, fc.nat(6), fc.nat(6), async (values, first, last) => {
      const masked = await bench.mask({ mask: 'partial', first, last, with: '#' }, field('text'), values);
      values.forEach((value, i) => {
        const characters = [...value];
        const shown = characters.length >= 2 * (first + last);
        const expected = shown ? `${characters.slice(0, first).join('')}###${last === 0 ? '' : characters.slice(-last).join('')}` : '###';
        expect(masked[i]).toBe(expected);
      });
    }),
    runs,
  );
});

test('partial and email are functions of what they show: two values that differ elsewhere look the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 3, maxLength: 20 }), fc.string({ minLength: 3, maxLength: 20 }), async (a, b) => {
      const [one, other] = await bench.mask({ mask: 'partial', first: 2, last: 1 }, field('text'), [`xy${a}z`, `xy${b}z`]);
      expect(one).toBe(other);
      const local = (s: string) => `j${Buffer.from(s).toString('hex')}@example.com`;
      const [here, there] = await bench.mask({ mask: 'email' }, field('text'), [local(a), local(b)]);
      expect(here).toBe(there);
    }),
    runs,
  );
});

test('an email address keeps its domain and at most one character of what is before it; other texts keep nothing', async () => {
  await fc.assert(
    fc.asyncProperty(texts, async (values) => {
      const masked = await bench.mask({ mask: 'email' }, field('text'), values);
      values.forEach((value, i) => {
        const [local = '', domain] = value.split('@');
        const allowed = ['***', `***@${domain}`, `${[...local][0]}***@${domain}`];
        expect(allowed).toContain(masked[i]);
      });
    }),
    runs,
  );
});

test('round gives the nearest multiple, the half away from zero, in whole numbers and decimals of any size', async () => {
  const half = (value: bigint, step: bigint) => {
    const size = value < 0n ? -value : value;
    const rounded = ((size * 2n + step) / (2n * step)) * step;
    return value < 0n ? -rounded : rounded;
  };
  const clamp = (value: bigint, bits: bigint, step: bigint) => {
    const top = ((2n ** (bits - 1n) - 1n) / step) * step;
    const bottom = -(2n ** (bits - 1n) / step) * step;
    return value > top ? top : value < bottom ? bottom : value;
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { minLength: 1, maxLength: 20 }),
      fc.bigInt({ min: 2n, max: 999_999_999_999_999n }),
      async (values, step) => {
        const spec = { mask: 'round', step: `${step}` };
        expect(await bench.mask(spec, field('bigint'), values.map(String))).toEqual(values.map((value) => `${clamp(half(value, step), 64n, step)}`));
        expect(await bench.mask(spec, field('decimal'), values.map(String))).toEqual(values.map((value) => `${half(value, step)}`));
        const small = values.map((value) => BigInt.asIntN(32, value));
        const smallStep = (step % (2n ** 31n - 3n)) + 2n;
        expect(await bench.mask({ mask: 'round', step: `${smallStep}` }, field('integer'), small.map(String))).toEqual(
          small.map((value) => `${clamp(half(value, smallStep), 32n, smallStep)}`),
        );
      },
    ),
    runs,
  );
});

test('round of any float ends, and is within half a step of it as far as floats go', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.double(), { minLength: 1, maxLength: 30 }),
      fc.constantFrom('0.05', '0.1', '1', '3', '10', '1000000', '0.00000000000001', '999999999999999'),
      async (values, step) => {
        const masked = await bench.mask({ mask: 'round', step }, field('float'), values.map(String));
        values.forEach((value, i) => {
          const rounded = Number(masked[i]);
          const near = Object.is(rounded, value) || Math.abs(rounded - value) <= Number(step) / 2 + Math.abs(value) * 1e-12;
          expect(near || (Number.isNaN(value) && Number.isNaN(rounded)) || rounded === value, `${value} to ${step} is ${rounded}`).toBe(true);
        });
      },
    ),
    runs,
  );
});

test('a truncated date is not after it, and at most a year before', async () => {
  const day = fc.integer({ min: -1_700_000, max: 2_000_000_000 });
  await fc.assert(
    fc.asyncProperty(fc.array(day, { minLength: 1, maxLength: 30 }), async (days) => {
      // Days from 2000-01-01; the last ones lie past the end of timestamps.
      const { rows } = await bench.client.query<{ d: string }>("SELECT ('2000-01-01'::date + n)::text AS d FROM unnest($1::int[]) AS n", [days]);
      const dates = rows.map((row) => row.d);
      const masked = await bench.mask({ mask: 'year' }, field('date'), dates);
      const check = await bench.client.query<{ ok: boolean }>(
        "SELECT bool_and(a::date - b::date BETWEEN 0 AND 365 AND to_char(b::date - '1 day'::interval, 'MMDD') = '1231') AS ok FROM unnest($1::text[], $2::text[]) AS t(a, b) WHERE b::date < '200000-01-01'",
        [dates, masked],
      );
      expect(check.rows[0]?.ok ?? true).toBe(true);
    }),
    runs,
  );
});
