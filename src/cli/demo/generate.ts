import { COUNTRIES, type Country } from './countries.js';
import { Random } from './random.js';

/** A flight as the package's file has it. */
export interface FileFlight {
  readonly date: string;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

export const PASSENGERS = 10_000;
export const BOOKINGS = 60_000;

const SEED = 2001;
const DAY_MS = 86_400_000;
const DOMAINS: readonly [string, ...string[]] = ['example.com', 'example.net', 'example.org', 'mail.example', 'post.example'];
/** Of a hundred bookings, and how many times the plain fare. */
const CLASSES = [
  { name: 'economy', share: 78, factor: 1 },
  { name: 'premium', share: 10, factor: 1.7 },
  { name: 'business', share: 9, factor: 3.2 },
  { name: 'first', share: 3, factor: 5.5 },
] as const;

/** Lines of NDJSON: the flights with a number each, their place in the file. */
export function* flightLines(flights: readonly FileFlight[]): Generator<string> {
  for (const [i, flight] of flights.entries()) yield `${JSON.stringify({ id: i + 1, ...flight })}\n`;
}

/** Lines of CSV: the same people each time. */
export function* passengerLines(): Generator<string> {
  const random = new Random(SEED);
  yield 'id,name,email,phone,birth_date,passport_no,country\n';
  for (let id = 1; id <= PASSENGERS; id++) {
    const country = shared(COUNTRIES, random.next());
    const [first, last] = [random.pick(country.first), random.pick(country.last)];
    const email = `${asciiOf(first)}.${asciiOf(last)}${id}@${random.pick(DOMAINS)}`;
    // Some gave no number.
    const phone = random.next() < 0.08 ? '' : `${country.dialling} ${random.between(100, 999)} ${random.digits(7)}`;
    const born = new Date(Date.UTC(1921, 0, 1) + random.between(0, 79 * 365) * DAY_MS).toISOString().slice(0, 10);
    yield `${id},${first} ${last},${email},${phone},${born},${passport(country, random)},${country.code}\n`;
  }
}

/** Lines of CSV: bookings of those passengers on those flights, each made before its flight left. */
export function* bookingLines(flights: readonly FileFlight[]): Generator<string> {
  const random = new Random(SEED + 1);
  yield 'id,passenger_id,flight_id,fare,booked_at,class\n';
  for (let id = 1; id <= BOOKINGS; id++) {
    // Squared, so that some fly often; every passenger flies at least once.
    const passenger = id <= PASSENGERS ? id : 1 + Math.floor(random.next() ** 2 * PASSENGERS);
    const number = random.between(1, flights.length);
    const flight = flights[number - 1];
    if (!flight) continue;
    const { name, factor } = shared(CLASSES, random.next());
    const fare = (39 + flight.distance * 0.11 * (0.7 + random.next())) * factor;
    const booked = new Date(leaves(flight) - random.between(1, 180 * 24 * 60) * 60_000).toISOString();
    yield `${id},${passenger},${number},${fare.toFixed(2)},${booked},${name}\n`;
  }
}

function leaves({ date }: FileFlight): number {
  return Date.parse(`${date.replaceAll('/', '-').replace(' ', 'T')}:00Z`);
}

function passport(country: Country, random: Random): string {
  const letters: readonly [string, ...string[]] = ['C', 'F', 'G', 'H', 'K', 'P', 'X'];
  return `${random.pick(letters)}${country.code}${random.digits(7)}`;
}

function shared<T extends { readonly share: number }>(items: readonly T[], part: number): T {
  let left = part * items.reduce((sum, { share }) => sum + share, 0);
  for (const item of items) {
    left -= item.share;
    if (left < 0) return item;
  }
  throw new RangeError('The part is not below 1.');
}

const SPELLED: Readonly<Record<string, string>> = { ä: 'ae', ö: 'oe', ü: 'ue', ß: 'ss', ł: 'l', ı: 'i' };

/** `Jürgen Łukasz` as an address has it. */
function asciiOf(name: string): string {
  const lower = name.toLowerCase().replace(/[äöüßłı]/g, (letter) => SPELLED[letter] ?? '');
  return lower.normalize('NFD').replace(/[^a-z]/g, '');
}
