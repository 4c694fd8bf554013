import { faker } from '@faker-js/faker';
import { Random } from '../random.ts';
import type { LabelledColumn, LabelledDataset } from './labelled.ts';

const ROWS = 300;

type Made = readonly [name: string, type: LabelledColumn['type'], make: (random: Random, row: number) => string];

const digits = (random: Random, count: number) => Array.from({ length: count }, () => random.below(10)).join('');
const iso = (random: Random) => new Date(1_500_000_000_000 + random.below(300_000_000) * 1_000).toISOString();

/** What looks like something about people and is not, in datasets of things. */
const MADE: readonly Made[] = [
  ['order_number', 'text', (random, row) => `ORD-${100_000 + row}-${digits(random, 2)}`],
  ['order_id', 'bigint', (_, row) => String(1_000_000_000 + row)],
  ['invoice_no', 'text', (random, row) => `${2_000 + random.below(26)}-${10_000 + row}`],
  ['ticket', 'text', (random) => `${digits(random, 3)}-${digits(random, 3)}-${digits(random, 4)}`],
  ['tracking_number', 'text', (random) => `1Z${digits(random, 16)}`],
  ['tracking_code', 'text', (random) => digits(random, 12)],
  ['reference', 'text', (random) => digits(random, 16)],
  ['reference_no', 'bigint', (random) => `4${digits(random, 15)}`],
  ['loyalty_card', 'text', (random) => digits(random, 16)],
  ['sku', 'text', (random) => `${random.pick(['AB', 'CD', 'KX'])}${digits(random, 6)}${random.pick(['A', 'B', 'X', 'Z'])}`],
  ['product_code', 'text', (random) => `${digits(random, 8)}${random.pick(['A', 'B', 'T', 'X'])}`],
  ['article_no', 'text', (random) => digits(random, 9)],
  ['part_no', 'integer', (random) => `1${digits(random, 8)}`],
  ['batch', 'text', (random) => digits(random, 11)],
  ['serial_number', 'text', (random) => digits(random, 15)],
  ['imei', 'text', () => faker.phone.imei()],
  ['isbn', 'text', () => faker.commerce.isbn()],
  ['ean', 'text', (random) => `40${digits(random, 11)}`],
  ['meter', 'bigint', (random) => digits(random, 10).replace(/^0/, '1')],
  ['device_id', 'text', (random) => digits(random, 10)],
  ['version', 'text', () => faker.system.semver()],
  ['release', 'text', (random) => `${random.below(9)}.${random.below(20)}.${random.below(100)}.${random.below(30)}`],
  ['build', 'text', (random) => `10.0.${19_000 + random.below(999)}.${random.below(999)}`],
  ['firmware', 'text', (random) => `${random.below(9)}.${random.below(20)}.${random.below(255)}.${random.below(255)}`],
  ['c18', 'text', (random) => `${random.below(9)}.${random.below(9)}.${random.below(20)}.${random.below(30)}`],
  ['oid', 'text', (random) => `1.3.6.1.4.${random.below(9_999)}.${random.below(30)}`],
  ['mac_address', 'text', () => faker.internet.mac()],
  ['id', 'text', () => faker.string.uuid()],
  ['sha', 'text', () => faker.git.commitSha()],
  ['digest', 'text', () => faker.string.hexadecimal({ length: 64, prefix: '' })],
  ['token', 'text', () => faker.string.alphanumeric(24)],
  ['slug', 'text', () => faker.lorem.slug()],
  ['url', 'text', () => faker.internet.url()],
  ['contact_url', 'text', () => faker.internet.url()],
  ['domain', 'text', () => faker.internet.domainName()],
  ['git_remote', 'text', () => `git@${faker.internet.domainName()}:${faker.lorem.slug(2)}.git`],
  ['image', 'text', () => `registry.example.com/${faker.lorem.word()}@sha256`],
  ['handle', 'text', () => `@${faker.lorem.word()}`],
  ['created_at', 'timestamp', iso],
  ['logged', 'text', iso],
  ['day', 'date', (random) => iso(random).slice(0, 10)],
  ['delivery_date', 'date', (random) => iso(random).slice(0, 10)],
  ['european_day', 'text', (random) => iso(random).slice(0, 10).split('-').toReversed().join('.')],
  ['us_day', 'text', (random) => `${iso(random).slice(5, 7)}/${iso(random).slice(8, 10)}/${iso(random).slice(0, 4)}`],
  ['compact_day', 'text', (random) => iso(random).slice(0, 10).replaceAll('-', '')],
  ['epoch', 'bigint', (random) => String(1_500_000_000 + random.below(300_000_000))],
  ['epoch_ms', 'bigint', (random) => String(1_500_000_000_000 + random.below(300_000_000))],
  ['time_of_day', 'text', (random) => iso(random).slice(11, 19)],
  ['duration', 'text', (random) => `00:${digits(random, 1)}5:${digits(random, 1)}0`],
  ['price', 'decimal', () => faker.commerce.price()],
  ['amount', 'text', (random) => `${random.below(9_999)}.${digits(random, 2)}`],
  ['latitude', 'text', () => String(faker.location.latitude())],
  ['coordinates', 'text', () => `${faker.location.latitude()}, ${faker.location.longitude()}`],
  ['country', 'text', () => faker.location.country()],
  ['country_code', 'text', () => faker.location.countryCode()],
  ['currency', 'text', () => faker.finance.currencyCode()],
  ['bic', 'text', () => faker.finance.bic()],
  ['color', 'text', () => faker.color.rgb()],
  ['product_name', 'text', () => faker.commerce.productName()],
  ['name', 'text', () => faker.commerce.productName()],
  ['company_name', 'text', () => faker.company.name()],
  ['department', 'text', () => faker.commerce.department()],
  ['file_name', 'text', () => faker.system.fileName()],
  ['path', 'text', () => faker.system.filePath()],
  ['mime_type', 'text', () => faker.system.mimeType()],
  ['cron', 'text', () => faker.system.cron()],
  ['user_agent', 'text', () => faker.internet.userAgent()],
  ['description', 'text', () => faker.lorem.sentence()],
  ['status', 'text', (random) => random.pick(['open', 'paid', 'sent', 'closed'])],
  ['rating', 'integer', (random) => String(1 + random.below(5))],
  ['vin', 'text', () => faker.vehicle.vin()],
  ['plate', 'text', () => faker.vehicle.vrm()],
  ['airport', 'text', () => faker.airline.airport().name],
  ['flight', 'text', () => faker.airline.flightNumber()],
  ['bitcoin', 'text', () => faker.finance.bitcoinAddress()],
  ['wallet_address', 'text', () => faker.finance.ethereumAddress()],
  ['memory_address', 'text', () => faker.string.hexadecimal({ length: 12 })],
  ['street_lights', 'integer', (random) => String(random.below(400))],
  ['phone_model', 'text', (random) => random.pick(['Pixel 9', 'iPhone 17', 'Galaxy S26'])],
  ['email_sent', 'text', (random) => random.pick(['yes', 'no'])],
  ['ip_count', 'integer', (random) => String(random.below(400))],
  ['birth_rate', 'decimal', (random) => `${random.below(30)}.${digits(random, 1)}`],
  ['card_type', 'text', (random) => random.pick(['visa', 'mastercard', 'amex'])],
  ['iban_valid', 'text', (random) => random.pick(['true', 'false'])],
  ['score', 'text', (random) => `${random.below(100)}/100`],
  ['npi', 'text', (random) => `1${digits(random, 9)}`],
  ['duns', 'text', (random) => digits(random, 9)],
  ['vat_id', 'text', (random) => `DE${digits(random, 9)}`],
  ['company_no', 'text', (random) => digits(random, 8)],
  ['siret', 'text', (random) => digits(random, 14)],
  ['postal_zone', 'text', (random) => `Z${random.below(9)}`],
];

/** Each column in a dataset of its own: what stands beside it must not matter. Three times, with other values. */
export function negatives(): LabelledDataset[] {
  faker.seed(6);
  faker.setDefaultRefDate('2026-01-01T00:00:00.000Z');
  const random = new Random(7);
  return [1, 2, 3].flatMap(() =>
    MADE.map(([name, type, make]): LabelledDataset => ({
      name: 'things',
      columns: [{ name, type, values: Array.from({ length: ROWS }, (_, row) => make(random, row)), tag: undefined }],
    })),
  );
}
