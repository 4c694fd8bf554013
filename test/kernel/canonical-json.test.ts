import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../src/kernel/index.js';

test('the example of RFC 8785, section 3.2', () => {
  const value = {
    numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\\"/',
    literals: [null, true, false],
  };
  expect(canonicalJson(value)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test('members are sorted by UTF-16 code units, as in RFC 8785, section 3.2.3', () => {
  const value = { '\u20ac': 'Euro', '\r': 'CR', '\ufb33': 'Dalet', '1': 'One', '\ud83d\ude00': 'Emoji', '\u0080': 'Control', '\u00f6': 'o' };
  expect([...canonicalJson(value).matchAll(/:"(\w+)"/g)].map((match) => match[1])).toEqual(['CR', 'One', 'Control', 'o', 'Euro', 'Emoji', 'Dalet']);
});

test('numbers are written as in RFC 8785, appendix B', () => {
  const numbers: [bigint, string][] = [
    [0x0000000000000000n, '0'],
    [0x8000000000000000n, '0'],
    [0x0000000000000001n, '5e-324'],
    [0x8000000000000001n, '-5e-324'],
    [0x7fefffffffffffffn, '1.7976931348623157e+308'],
    [0x4340000000000000n, '9007199254740992'],
    [0x4430000000000000n, '295147905179352830000'],
    [0x44b52d02c7e14af5n, '9.999999999999997e+22'],
    [0x44b52d02c7e14af6n, '1e+23'],
    [0x444b1ae4d6e2ef4en, '999999999999999700000'],
    [0x444b1ae4d6e2ef50n, '1e+21'],
    [0x3eb0c6f7a0b5ed8cn, '9.999999999999997e-7'],
    [0x3eb0c6f7a0b5ed8dn, '0.000001'],
    [0x41b3de4355555556n, '333333333.3333334'],
    [0xbecbf647612f3696n, '-0.0000033333333333333333'],
    [0x43143ff3c1cb0959n, '1424953923781206.2'],
  ];
  for (const [bits, expected] of numbers) expect(canonicalJson(new Float64Array(new BigUint64Array([bits]).buffer)[0])).toBe(expected);
});

test('equal values have one text, whatever the order of their members, and it parses back to the value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const text = canonicalJson(value);
      // JSON has no -0.
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(reversed(value))).toBe(text);
      expect(canonicalJson(JSON.parse(text))).toBe(text);
    }),
  );
});

test('what JSON cannot hold is refused, not written as something else', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1n, undefined, () => 1, new Date(0), new Map(), '\ud83d', { '\udead': 1 }, [undefined]]) {
    expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
  }
  expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  // defineProperty, because a member may be called __proto__.
  const copy = {};
  for (const [name, member] of Object.entries(value).reverse()) {
    Object.defineProperty(copy, name, { value: reversed(member), enumerable: true, configurable: true, writable: true });
  }
  return copy;
}
