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

/** Pieces of which characters are made: accents, joiners, tones, flags, vowel signs, jamo, conjuncts, ends of lines. */
const PIECES = [
  ['a', 'Z', '7', ' ', '\u0301', '\u0323', 'ä', 'Ж', 'ش', '\u064b', 'ש', '\u05b8', '日', 'か', '\u3099', '한', '\u1112', '\u1161', '\u11ab'],
  ['क', '\u094d', 'ष', '\u093f', '\u093c', 'ക', '\u0d4d', 'က', '\u1039', 'ก', '\u0e33', '\u0e31', 'ខ', '\u17d2', 'ཀ', '\u0f90'],
  [
    '😀',
    '\u{1f44b}',
    '\u{1f3fd}',
    '\u{1f468}',
    '\u200d',
    '\u2764',
    '\ufe0f',
    '\u20e3',
    '\u{1f1e9}',
    '\u{1f1ea}',
    '\u{e0067}',
    '\r',
    '\n',
    '\u200c',
    '\u0600',
    '\ud7b0',
  ],
].flat();
const piece = fc.constantFrom(...PIECES);
const pieces = fc.array(piece, { maxLength: 24 }).map((parts) => parts.join(''));
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
const lengthOf = (value: string): number => [...segmenter.segment(value)].length;

test('partial shows no more characters than were asked for, and no more than half, whatever characters are made of', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(text, pieces, fc.emailAddress()), { minLength: 1, maxLength: 30 }),
      fc.nat(6),
      fc.nat(6),
      async (values, first, last) => {
        const masked = await bench.mask({ mask: 'partial', first, last, with: '#' }, field('text'), values);
        values.forEach((value, i) => {
          if (masked[i] === '###') return;
          const points = [...value];
          const [start, end] = [points.slice(0, first).join(''), last === 0 ? '' : points.slice(-last).join('')];
          expect(masked[i]).toBe(`${start}###${end}`);
          expect(lengthOf(start)).toBeLessThanOrEqual(first);
          expect(lengthOf(end)).toBeLessThanOrEqual(last);
          expect(lengthOf(value), JSON.stringify(value)).toBeGreaterThanOrEqual(2 * (first + last));
        });
      },
    ),
    { numRuns: 150 },
  );
});

test('partial shows what was asked for where a character is one code point', async () => {
  const plain = fc.array(fc.constantFrom(...'aZ7 @-äßŁŽЖяΩשشक日本かカ한ກกก€😀🚀'), { maxLength: 40 }).map((points) => points.join(''));
  await fc.assert(
    fc.asyncProperty(fc.array(plain, { minLength: 1, maxLength: 30 }), fc.nat(6), fc.nat(6), async (values, first, last) => {
      const masked = await bench.mask({ mask: 'partial', first, last, with: '#' }, field('text'), values);
      values.forEach((value, i) => {
        const points = [...value];
        const shown = points.length >= 2 * (first + last);
        expect(masked[i]).toBe(shown ? `${points.slice(0, first).join('')}###${last === 0 ? '' : points.slice(-last).join('')}` : '###');
      });
    }),
    runs,
  );
});

test('range holds the number, in as many decimals as its step has; a text that is none tells nothing', async () => {
  const number = fc
    .tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.nat(999_999))
    .map(([whole, rest]) => `${whole}.${String(rest).padStart(6, '0')}`);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(number, fc.integer().map(String), text), { minLength: 1, maxLength: 30 }),
      fc.tuple(fc.integer({ min: 2, max: 999_999 }), fc.nat(4)),
      async (values, [units, decimals]) => {
        const power = 10n ** BigInt(decimals);
        const width = BigInt(units);
        const step = decimals === 0 ? `${units}` : `${width / power}.${String(width % power).padStart(decimals, '0')}`;
        const spec = { mask: 'range', step };
        // What is left of a step without zeros at its end counts.
        const kept = step.includes('.') ? (step.replace(/\.?0+$/, '').split('.')[1]?.length ?? 0) : 0;
        const masked = await bench.mask(spec, field('text'), values);
        values.forEach((value, i) => {
          if (!/^-?\d{1,30}(\.\d{1,30})?$/.test(value)) return expect(masked[i]).toBe('***');
          const [, low = '', high = ''] = /^(-?[\d.]+)-(-?[\d.]+)$/.exec(masked[i] ?? '') ?? [];
          const scaled = (digits: string): bigint => {
            const [whole = '0', rest = ''] = digits.replace('-', '').split('.');
            const size = BigInt(whole) * 10n ** 12n + BigInt(rest.padEnd(12, '0'));
            return digits.startsWith('-') ? -size : size;
          };
          const full = scaled(step);
          expect(scaled(low) % full).toBe(0n);
          expect(scaled(low) <= scaled(value) && scaled(value) < scaled(low) + full, `${value} in ${masked[i]} by ${step}`).toBe(true);
          expect(scaled(high)).toBe(scaled(low) + full - 10n ** BigInt(12 - kept));
          return undefined;
        });
      },
    ),
    runs,
  );
});

test('location is within half of its last place, and tells nothing of what is no coordinate', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.double({ min: -180, max: 180, noNaN: true }), fc.double()), { minLength: 1, maxLength: 30 }),
      fc.nat(4),
      async (values, digits) => {
        const spec = { mask: 'location', digits };
        const isCoordinate = (value: number) => Math.abs(value) <= 180;
        const floats = await bench.mask(spec, field('float'), values.map(String));
        values.forEach((value, i) => {
          if (!isCoordinate(value)) return expect(floats[i]).toBe('0');
          expect(Math.abs(Number(floats[i]) - value)).toBeLessThanOrEqual(0.5 * 10 ** -digits + 1e-9);
          return expect((floats[i] ?? '').split('.')[1]?.length ?? 0).toBeLessThanOrEqual(digits);
        });
        const decimals = values.filter(isCoordinate).map((value) => value.toFixed(9));
        const rounded = await bench.mask(spec, field('decimal'), decimals);
        expect(
          await bench.mask(
            spec,
            field('text'),
            decimals.map((value) => `${value}, ${value}`),
          ),
        ).toEqual(rounded.map((value) => `${value},${value}`));
        expect(await bench.mask(spec, field('text'), decimals)).toEqual(rounded);
      },
    ),
    runs,
  );
});

test('hash, tokens and pseudonyms are functions of the value and the scope, and look alike whatever the value is', async () => {
  const LOOKS = [
    [{ mask: 'hash' }, /^[0-9a-f]{64}$/],
    [{ mask: 'tokenize' }, /^tok_[0-9a-f]{32}$/],
    [{ mask: 'pseudonym', kind: 'name' }, /^[A-Z][a-z]+ [A-Z][a-z]+$/],
    [{ mask: 'pseudonym', kind: 'email' }, /^[a-z]+\.[a-z]+\d{4}@(example\.(com|net|org)|mail\.example)$/],
    [{ mask: 'pseudonym', kind: 'city' }, /^[A-Z][a-z]+$/],
    [{ mask: 'pseudonym', kind: 'phone' }, /^\+999 \d{3} \d{4}$/],
  ] as const;
  await fc.assert(
    fc.asyncProperty(texts, async (values) => {
      for (const [spec, look] of LOOKS) {
        const twice = await bench.mask(spec, field('text'), [...values, ...values]);
        expect(twice.slice(values.length)).toEqual(twice.slice(0, values.length));
        for (const masked of twice) expect(masked).toMatch(look);
        // Where no two values can meet by chance, different values differ, and so do scopes.
        if (spec.mask === 'pseudonym') continue;
        expect(new Set(twice).size).toBe(new Set(values).size);
        const elsewhere = await bench.mask({ ...spec, scope: 'elsewhere' }, field('text'), values);
        elsewhere.forEach((masked, i) => expect(masked).not.toBe(twice[i]));
      }
      const [hashes, tokens] = [await bench.mask({ mask: 'hash' }, field('text'), values), await bench.mask({ mask: 'tokenize' }, field('text'), values)];
      tokens.forEach((token, i) => expect(hashes[i]).not.toContain((token ?? '').slice(4)));
    }),
    { numRuns: 20 },
  );
});

test('pseudonyms are spread over their words', async () => {
  const values = Array.from({ length: 4_000 }, (_, i) => `value ${i}`);
  for (const [kind, least] of [
    ['name', 2_300],
    ['city', 900],
    ['email', 3_900],
    ['phone', 3_900],
  ] as const) {
    const made = new Set(await bench.mask({ mask: 'pseudonym', kind }, field('text'), values));
    expect(made.size, kind).toBeGreaterThan(least);
  }
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
