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

  /** As a float, which has about as many digits. */
  toNumber(): number {
    const fraction = Number(this.numerator) / Number(this.denominator);
    return this.root ? Math.sqrt(fraction) : fraction;
  }

  holds(answer: unknown): boolean {
    if (typeof answer !== 'string') return false;
    const number = parseDecimal(answer);
    if (typeof number === 'string' || (this.root && number.units < 0n)) return false;
    const power = 10n ** BigInt(number.scale);
    const [units, unit] = this.root ? [number.units ** 2n, power ** 2n] : [number.units, power];
    const difference = absolute(units * this.denominator - this.numerator * unit);
    const size = absolute(this.numerator * unit);
    // Of the root of a large number PostgreSQL gives no digits behind the point.
    if (this.root && number.scale === 0) return between(number.units, this.numerator, this.denominator);
    // Small numbers have fewer digits that count: to 16 places behind the point.
    return difference * DIGITS <= size || difference * 10n ** 15n <= this.denominator * unit;
  }
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function between(root: bigint, numerator: bigint, denominator: bigint): boolean {
  const below = root > 0n ? (root - 1n) ** 2n : 0n;
  return below * denominator <= numerator && numerator <= (root + 1n) ** 2n * denominator;
}
