import { parseDecimal } from './decimal.js';

/** Of 16 digits that PostgreSQL computes at the least, and of which floats hold 15. */
const DIGITS = 10n ** 13n;

/**
 * A number that the reference has exactly, as a fraction, and PostgreSQL to some digits: how many is its own business.
 * With `root` it is the square root of the fraction.
 */
export class Near {
  readonly numerator: bigint;
  readonly denominator: bigint;
  readonly root: boolean;

  constructor(numerator: bigint, denominator: bigint, root = false) {
    this.numerator = numerator;
    this.denominator = denominator;
    this.root = root;
  }

  holds(answer: unknown): boolean {
    if (typeof answer !== 'string' && typeof answer !== 'number') return false;
    const number = parseDecimal(typeof answer === 'number' ? plain(answer) : answer);
    if (typeof number === 'string' || (this.root && number.units < 0n)) return false;
    const power = 10n ** BigInt(number.scale);
    const [units, unit] = this.root ? [number.units ** 2n, power ** 2n] : [number.units, power];
    const difference = absolute(units * this.denominator - this.numerator * unit);
    const size = absolute(this.numerator * unit);
    // Small numbers have fewer digits that count: to 16 places behind the point.
    return difference * DIGITS <= size || difference * 10n ** 15n <= this.denominator * unit;
  }
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** Without an exponent. */
function plain(value: number): string {
  return Math.abs(value) < 1e21 && Math.abs(value) >= 1e-6 ? String(value) : value.toFixed(20);
}
