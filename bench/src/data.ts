import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Random } from './random.ts';

export const COUNTRIES = ['AT', 'BE', 'CH', 'CZ', 'DE', 'DK', 'EE', 'ES', 'FI', 'FR', 'GB', 'GR', 'HU', 'IE', 'IT', 'NL', 'NO', 'PL', 'PT', 'SE'] as const;
export const TIERS = ['basic', 'silver', 'gold', 'platinum'] as const;
export const ORDERS_PER_CUSTOMER = 10;

const FIRST = ['Ada', 'Boris', 'Clara', 'Dario', 'Elif', 'Finn', 'Greta', 'Hugo', 'Ines', 'Jonas', 'Katja', 'Luca', 'Mara', 'Nils', 'Olga', 'Pavel'] as const;
const LAST = [
  'Adler',
  'Bianchi',
  'Costa',
  'Dubois',
  'Eriksen',
  'Fischer',
  'Garcia',
  'Hansen',
  'Ivanova',
  'Jansen',
  'Kovacs',
  'Larsen',
  'Moreau',
  'Novak',
] as const;
const CITIES = ['Aarhus', 'Bergen', 'Cadiz', 'Dresden', 'Eger', 'Faro', 'Ghent', 'Haarlem', 'Innsbruck', 'Jena', 'Krakow', 'Lille', 'Malmo', 'Nantes'] as const;
const STATUS = ['new', 'paid', 'packed', 'sent', 'returned'] as const;
const NOTES = ['leave at the door', 'gift, wrap it', 'call before delivery', 'second attempt', 'fragile: this side up', ''] as const;

const SEED = 20_260_101;
const DAY_MS = 86_400_000;
const FIRST_ORDER = Date.UTC(2022, 0, 1);
const ORDERS_SPAN_MS = 3 * 365 * DAY_MS;

const CUSTOMER_COLUMNS = ['id', 'name', 'email', 'birth_date', 'country', 'city', 'tier', 'phone', 'registered_at'];
export const ORDER_COLUMNS = ['id', 'customer_id', 'status', 'amount', 'quantity', 'ship_date', 'placed_at', 'note'] as const;

/** One row in a thousand breaks the contract: two by type, two by rule. */
const BAD_EVERY = 1000;

export function countryOf(customer: number): (typeof COUNTRIES)[number] {
  return COUNTRIES[(customer - 1) % COUNTRIES.length] ?? COUNTRIES[0];
}

export function badRowsOf(rows: number): number {
  return Math.floor(rows / BAD_EVERY);
}

export async function writeCustomers(file: string, customers: number): Promise<void> {
  await writeCsv(file, CUSTOMER_COLUMNS, customerRows(customers));
}

/** @param bad whether one row in a thousand breaks the contract. */
export async function writeOrders(file: string, { rows, customers, bad = false }: { rows: number; customers: number; bad?: boolean }): Promise<void> {
  await writeCsv(file, ORDER_COLUMNS, orderRows(rows, customers, bad));
}

/** Of changes, the share whose key is not there yet. */
export const NEW_SHARE = 0.1;

/** Changes of orders that are there, spread over all of them, and new ones behind. @param turn other turns have other values */
export async function writeChanges(
  file: string,
  { rows, base, customers, turn }: { rows: number; base: number; customers: number; turn: number },
): Promise<void> {
  await writeCsv(file, ORDER_COLUMNS, changedRows(rows, base, customers, turn));
}

function* changedRows(rows: number, base: number, customers: number, turn: number): Generator<string> {
  const random = new Random(SEED + 2 + turn);
  const fresh = Math.floor(rows * NEW_SHARE);
  const known = rows - fresh;
  const stride = Math.max(1, Math.floor(base / known));
  for (let i = 0; i < rows; i++) {
    const id = i < known ? 1 + i * stride : base + 1 + (i - known);
    const at = FIRST_ORDER + random.below(ORDERS_SPAN_MS / 1000) * 1000;
    const note = quoted(random.pick(NOTES));
    const amount = ((100 + 2 * random.below(49_900) + turn) / 100).toFixed(2);
    yield `${[id, 1 + random.below(customers), random.pick(STATUS), amount, 1 + random.below(20), date(at), new Date(at).toISOString(), note].join(',')}\n`;
  }
}

function* customerRows(customers: number): Generator<string> {
  const random = new Random(SEED);
  for (let id = 1; id <= customers; id++) {
    const first = random.pick(FIRST);
    const last = random.pick(LAST);
    const tier = TIERS[Math.floor((id - 1) / COUNTRIES.length) % TIERS.length];
    const born = date(Date.UTC(1940, 0, 1) + random.below(65 * 365) * DAY_MS);
    const registered = new Date(Date.UTC(2015, 0, 1) + random.below(7 * 365 * 86_400) * 1000).toISOString();
    const phone = `+${10 + random.below(80)} ${1_000_000 + random.below(9_000_000)}`;
    const email = `${first}.${last}.${id}@example.com`.toLowerCase();
    yield `${id},${first} ${last},${email},${born},${countryOf(id)},${random.pick(CITIES)},${tier},${phone},${registered}\n`;
  }
}

function* orderRows(rows: number, customers: number, bad: boolean): Generator<string> {
  const random = new Random(SEED + 1);
  // Each customer once in every block of so many orders: all have equally many, scattered over the table.
  const block = Uint32Array.from({ length: customers }, (_, i) => i + 1);
  const step = Math.max(1, Math.floor(ORDERS_SPAN_MS / rows));
  for (let i = 0; i < rows; i++) {
    if (i % customers === 0) random.shuffle(block);
    const at = FIRST_ORDER + i * step;
    const cents = 100 + random.below(99_900);
    const shipped = date(at + random.below(10) * DAY_MS);
    const note = random.pick(NOTES);
    const row = [
      i + 1,
      block[i % customers],
      random.pick(STATUS),
      (cents / 100).toFixed(2),
      1 + random.below(20),
      shipped,
      new Date(at).toISOString(),
      quoted(note),
    ];
    if (bad && i % BAD_EVERY === BAD_EVERY - 1) spoil(row, Math.floor(i / BAD_EVERY));
    yield `${row.join(',')}\n`;
  }
}

function spoil(row: (string | number | undefined)[], which: number): void {
  const [column, value] = [
    [3, 'n/a'],
    [6, '2024-13-40T00:00:00Z'],
    [2, 'lost'],
    [4, -1],
  ][which % 4] as [number, string | number];
  row[column] = value;
}

function quoted(text: string): string {
  return text.includes(',') ? `"${text}"` : text;
}

function date(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

async function writeCsv(file: string, columns: readonly string[], rows: Iterable<string>): Promise<void> {
  await pipeline(Readable.from(chunks(columns, rows)), createWriteStream(file));
}

function* chunks(columns: readonly string[], rows: Iterable<string>): Generator<string> {
  let chunk = `${columns.join(',')}\n`;
  for (const row of rows) {
    chunk += row;
    if (chunk.length < 1 << 18) continue;
    yield chunk;
    chunk = '';
  }
  yield chunk;
}
