import type { Random } from '../random.ts';

/** Made-up numbers with right check digits, by the rules as they are published, and not by the code under test. */
const digits = (random: Random, count: number) => Array.from({ length: count }, () => random.below(10)).join('');
const two = (value: number) => String(value).padStart(2, '0');

function luhnDigit(body: string): number {
  const sum = [...body].toReversed().reduce((total, digit, i) => {
    const doubled = Number(digit) * (i % 2 === 0 ? 2 : 1);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return (10 - (sum % 10)) % 10;
}

const ITALIAN_ODD: Readonly<Record<string, number>> = Object.fromEntries(
  [1, 0, 5, 7, 9, 13, 15, 17, 19, 21].flatMap((value, i) => [
    [String(i), value],
    [String.fromCharCode(65 + i), value],
  ]),
);
const ITALIAN_ODD_REST = [2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
ITALIAN_ODD_REST.forEach((value, i) => Object.assign(ITALIAN_ODD, { [String.fromCharCode(75 + i)]: value }));

export const nationalIds: Readonly<Record<string, (random: Random) => string>> = {
  us: (random) =>
    `${two(1 + random.below(8))}${random.below(10)}-${two(1 + random.below(98))}-${String(1 + random.below(9_998)).padStart(4, '0')}`.replace('666', '665'),
  gb: (random) => `${random.pick(['AB', 'CE', 'HJ', 'KL', 'MN', 'PR', 'SX', 'YZ'])}${digits(random, 6)}${random.pick(['A', 'B', 'C', 'D'])}`,
  fr: (random) => {
    const body = `${1 + random.below(2)}${two(random.below(100))}${two(1 + random.below(12))}${two(1 + random.below(95))}${digits(random, 6)}`;
    return body + two(97 - Number(BigInt(body) % 97n));
  },
  de: (random) => {
    // Ten digits of which exactly one is there twice; then the check digit of ISO 7064, MOD 11,10.
    const ten = new Uint32Array(10).map((_, i) => i);
    random.shuffle(ten);
    const list = [...ten];
    if (list[0] === 0) [list[0], list[1]] = [list[1] ?? 1, 0];
    list[9] = list[random.below(9)] ?? 1;
    const product = list.reduce((carry, digit) => {
      const sum = (digit + carry) % 10 || 10;
      return (2 * sum) % 11;
    }, 10);
    return list.join('') + ((11 - product) % 10);
  },
  es: (random) => {
    const number = digits(random, 8);
    return number + 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(number) % 23];
  },
  it: (random) => {
    const letters = () => Array.from({ length: 3 }, () => 'BCDFGLMNPRSTV'[random.below(13)]).join('');
    const body = `${letters()}${letters()}${two(random.below(100))}${'ABCDEHLMPRST'[random.below(12)]}${two(1 + random.below(28))}H${100 + random.below(899)}`;
    const sum = [...body].reduce(
      (total, char, i) => total + (i % 2 === 0 ? (ITALIAN_ODD[char] ?? 0) : /\d/.test(char) ? Number(char) : char.charCodeAt(0) - 65),
      0,
    );
    return body + String.fromCharCode(65 + (sum % 26));
  },
  nl: (random) => {
    for (;;) {
      const body = `${1 + random.below(9)}${digits(random, 7)}`;
      const check = [...body].reduce((total, digit, i) => total + Number(digit) * (9 - i), 0) % 11;
      if (check < 10) return body + check;
    }
  },
  se: (random) => {
    const body = `${two(random.below(100))}${two(1 + random.below(12))}${two(1 + random.below(28))}${digits(random, 3)}`;
    return `${body.slice(0, 6)}-${body.slice(6)}${luhnDigit(body)}`;
  },
};
