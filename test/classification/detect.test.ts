import { describe, expect, test } from 'vitest';
import type { ScalarType } from '../../src/catalog/index.js';
import { detect } from '../../src/classification/index.js';

/** What a column is found to be: the tag, or nothing. */
async function tagOf(name: string, values: readonly string[], { type = 'text', dataset = 'things' }: { type?: ScalarType; dataset?: string } = {}) {
  return (await detect([{ dataset, name, type, values: [...new Set(values)] }])).get(name)?.tag;
}

const many = (count: number, value: (i: number) => string) => Array.from({ length: count }, (_, i) => value(i));

describe('by their values, whatever the column is called', () => {
  test.each<[string, readonly string[], ScalarType, string]>([
    ['emails', ['ann@example.com', 'bob.o-neil+x@sub.example.co.uk', 'müller@example.de', 'n/a'], 'text', 'pii.email'],
    ['a third of emails', ['ann@example.com', 'bob@example.com', '-', 'see notes', 'none', 'unknown'], 'text', 'pii.email'],
    ['IBANs', ['DE89370400440532013000', 'GB82 WEST 1234 5698 7654 32', 'FR1420041010050500013M02606'], 'text', 'financial.iban'],
    ['card numbers', ['4111 1111 1111 1111', '5555-5555-5555-4444', '378282246310005', '6011111111111117'], 'text', 'financial.card'],
    ['card numbers as numbers', ['4111111111111111', '5555555555554444', '4012888888881881', '378282246310005'], 'bigint', 'financial.card'],
    ['IPv4', ['192.168.1.20', '8.8.8.8', '203.0.113.77', '10.0.0.254', '172.16.99.3'], 'text', 'pii.ip'],
    ['IPv6', ['2001:db8::1', 'fe80::1ff:fe23:4567:890a', '::ffff:192.0.2.128'], 'text', 'pii.ip'],
    [
      'phone numbers with their country',
      [
        '+49 30 901820',
        '+1 415-555-2671',
        '+44 20 7946 0958',
        '+33 1 42 68 53 00',
        '+46 8 508 00 000',
        '+31 20 624 1111',
        '+39 06 698 12345',
        '+34 912 345 678',
        '+41 44 668 18 00',
      ],
      'text',
      'pii.phone',
    ],
    ['US social security numbers', ['123-45-6789', '078-05-1120', '219-09-9999', '457-55-5462', '512-33-1877'], 'text', 'pii.national_id'],
    ['French social security numbers', ['1 55 08 75 116 001 16'.replaceAll(' ', ''), '255081416802538', '269054958815780'], 'text', 'pii.national_id'],
    ['Italian tax codes', ['RSSMRA85T10A562S', 'MRTMTT91D08F205J', 'MLLSNT82P65Z404U'], 'text', 'pii.national_id'],
    ['Spanish identity numbers', ['12345678Z', '87654321X', 'X1234567L', '11111111H', '00000000T'], 'text', 'pii.national_id'],
  ])('%s', async (_, values, type, tag) => {
    expect(await tagOf('c17', values, { type })).toBe(tag);
  });
});

describe('what looks alike and is not', () => {
  test.each<[string, string, readonly string[], ScalarType]>([
    ['sixteen digits of no card', 'reference', many(50, (i) => String(4_000_000_000_000_000 + i * 7_919)), 'text'],
    ['order numbers', 'order_id', many(50, (i) => String(100_000_000 + i * 7)), 'bigint'],
    ['versions', 'release', many(30, (i) => `1.${i % 9}.${i % 31}.${i}`), 'text'],
    ['versions under no telling name', 'c17', many(30, (i) => `1.${i % 9}.${i % 31}.${i}`), 'text'],
    ['dates as texts', 'shipped', many(30, (i) => `0${1 + (i % 9)}/12/20${10 + i}`), 'text'],
    ['ISO dates as texts', 'shipped', many(28, (i) => `2024-02-${String(i + 1).padStart(2, '0')}`), 'text'],
    ['times', 'at', many(30, (i) => `12:${String(i).padStart(2, '0')}:07`), 'text'],
    ['MAC addresses', 'mac_address', many(30, (i) => `00:1b:44:11:3a:${i.toString(16).padStart(2, '0')}`), 'text'],
    ['UUIDs', 'id', many(30, (i) => `0198a2c4-7f10-7abc-8def-${String(i).padStart(12, '0')}`), 'text'],
    ['hashes', 'sha', many(30, (i) => i.toString(16).repeat(40).slice(0, 40)), 'text'],
    ['decimals', 'amount', many(30, (i) => `${i * 13}.${i}`), 'decimal'],
    ['ISBNs', 'isbn', many(30, (i) => `978-3-16-${148410 + i}-${i % 10}`), 'text'],
    ['social handles', 'handle', many(30, (i) => `@user${i}`), 'text'],
    ['a day that is of no birth', 'ordered_on', many(30, (i) => `1980-01-${String(1 + (i % 28)).padStart(2, '0')}`), 'date'],
    ['names of files', 'file_name', ['report', 'summary', 'invoice'], 'text'],
    ['names of things', 'name', ['Ford Pinto', 'Fiat', 'Volvo'], 'text'],
    ['cities of the world', 'city', ['Berlin', 'Oslo', 'Rome'], 'text'],
    ['addresses of pages', 'address', ['https://example.com/a', 'https://example.com/b'], 'text'],
    ['first names that are numbers', 'first_name', many(30, String), 'text'],
    ['birth rates', 'birth_rate', ['12.1', '9.4'], 'decimal'],
    ['nothing', 'email', [], 'text'],
  ])('%s', async (_, name, values, type) => {
    expect(await tagOf(name, values, { type })).toBeUndefined();
  });
});

describe('by the name of the column, where values can not tell', () => {
  test.each<[string, readonly string[], ScalarType, string]>([
    ['first_name', ['Ann', "O'Neil", 'José María', '王'], 'text', 'pii.name'],
    ['apellidos', ['García Lorca'], 'text', 'pii.name'],
    ['nachname', ['Müller', 'von der Heide'], 'text', 'pii.name'],
    ['customer_name', ['Ann Example'], 'text', 'pii.name'],
    ['street_address', ['1 Main Street', 'Hauptstr. 5'], 'text', 'pii.address'],
    ['address', ['1 Main Street, Springfield'], 'text', 'pii.address'],
    ['date_of_birth', ['1980-02-29', '2001-12-01'], 'date', 'pii.birthdate'],
    ['dob', ['29.02.1980', '01.12.2001'], 'text', 'pii.birthdate'],
    ['birth_year', ['1980', '2001'], 'integer', 'pii.birthdate'],
    ['ssn', ['123456789', '078051120'], 'text', 'pii.national_id'],
    ['bsn', ['111222333', '123456782'], 'integer', 'pii.national_id'],
    ['phone', ['555-0100', '(555) 010-0199', '5550100'], 'text', 'pii.phone'],
    ['passport_no', ['C01X00T47', 'L898902C3'], 'text', 'pii.passport'],
  ])('%s', async (name, values, type, tag) => {
    expect(await tagOf(name, values, { type })).toBe(tag);
  });

  test('a bare name is a person’s in a dataset of people', async () => {
    expect(await tagOf('name', ['Ann Example', 'Bob'], { dataset: 'customers' })).toBe('pii.name');
    expect(await tagOf('name', ['Ann Example', 'Bob'], { dataset: 'products' })).toBeUndefined();
  });

  test('a city is of a person where the dataset has other things of people', async () => {
    const city = { dataset: 'rows', name: 'city', type: 'text', values: ['Berlin', 'Oslo'] } as const;
    const email = { dataset: 'rows', name: 'c17', type: 'text', values: ['ann@example.com'] } as const;
    expect((await detect([city, email])).get('city')?.tag).toBe('pii.address.city');
    expect((await detect([city], ['pii.phone'])).get('city')?.tag).toBe('pii.address.city');
    expect((await detect([city], ['financial'])).get('city')).toBeUndefined();
  });
});

test('a finding holds counts, and no value', async () => {
  const found = (await detect([{ dataset: 'd', name: 'contact', type: 'text', values: ['ann@example.com', 'bob@example.com', 'none'] }])).get('contact');
  expect(found).toEqual({ detector: 'email', tag: 'pii.email', score: 1, sampled: 3, matching: 2, byName: false });
});
