/** Exact decimal numbers, as texts like PostgreSQL's: "1.50", "-3", "NaN", "Infinity". */
type Special = 'NaN' | 'Infinity' | '-Infinity';

export interface Finite {
  readonly units: bigint;
  /** Digits behind the point. */
  readonly scale: number;
}

const RANK = { '-Infinity': -1, Infinity: 1, NaN: 2 };

export function parseDecimal(text: string): Finite | Special {
  if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return text;
  const [whole = '', decimals = ''] = text.split('.');
  if (!/^[+-]?\d+$/.test(whole + decimals)) throw new Error(`no decimal: ${text}`);
  return { units: BigInt(whole + decimals), scale: decimals.length };
}

export function decimalText({ units, scale }: Finite): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  return `${units < 0n ? '-' : ''}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ''}`;
}

/** The same number with `scale` digits behind the point, which are enough for it. */
export function scaled({ units, scale }: Finite, to: number): bigint {
  return units * 10n ** BigInt(to - scale);
}

/** Infinities at the ends, and NaN above all. */
export function compareDecimals(left: string, right: string): number {
  const [a, b] = [parseDecimal(left), parseDecimal(right)];
  if (typeof a === 'string' || typeof b === 'string') return (typeof a === 'string' ? RANK[a] : 0) - (typeof b === 'string' ? RANK[b] : 0);
  const scale = Math.max(a.scale, b.scale);
  const [x, y] = [scaled(a, scale), scaled(b, scale)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** With as many digits behind the point as the one that has most. */
export function sumOf(texts: readonly string[]): string {
  const numbers = texts.map(parseDecimal);
  const specials = new Set(numbers.filter((number) => typeof number === 'string'));
  if (specials.has('NaN') || specials.size > 1) return 'NaN';
  const [special] = specials;
  if (special !== undefined) return special;
  const finite = numbers.filter((number) => typeof number !== 'string');
  const scale = Math.max(...finite.map((number) => number.scale));
  return decimalText({ units: finite.reduce((sum, number) => sum + scaled(number, scale), 0n), scale });
}

/** With as many digits behind the point as the one of the others that has most. */
export function asPreciseAs(others: readonly string[], text: string): string {
  const number = parseDecimal(text);
  if (typeof number === 'string') return text;
  const scale = Math.max(...others.map(parseDecimal).map((other) => (typeof other === 'string' ? 0 : other.scale)));
  return decimalText({ units: scaled(number, scale), scale });
}

/** The nearest multiple of a step, the half away from zero; with as many digits behind the point as the step has. */
export function roundedTo(step: string, text: string): string {
  const [number, by] = [parseDecimal(text), parseDecimal(step)];
  if (typeof number === 'string' || typeof by === 'string') return text;
  const scale = Math.max(number.scale, by.scale);
  const [n, s] = [scaled(number, scale), scaled(by, scale)];
  const size = n < 0n ? -n : n;
  const steps = (2n * size + s) / (2n * s);
  return decimalText({ units: (n < 0n ? -steps : steps) * by.units, scale: by.scale });
}
