import { describe, expect, test } from 'vitest';
import { DatasetSpec, toDataset } from '../../src/catalog/dataset-spec.js';
import { erasedFields, isHeld, legalHoldKind } from '../../src/catalog/index.js';

const fields = [
  { name: 'number', type: 'text' },
  { name: 'customer', type: 'integer' },
  { name: 'phone', type: 'text', tags: ['pii.phone'] },
  { name: 'piiish', type: 'text', tags: ['piizza'] },
  { name: 'amount', type: 'decimal', required: true },
];
const base = { name: 'orders', fields, key: ['number'], subject: 'customer' };

function problems(given: object): string[] {
  const parsed = DatasetSpec.safeParse({ ...base, ...given });
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('onErase', () => {
  test('nullify takes the subject and what is tagged pii; delete is the default and not written', () => {
    const spec = DatasetSpec.parse({ ...base, onErase: 'nullify' });
    const dataset = toDataset(spec, { id: 'x', contractVersion: 1 });
    expect(dataset.onErase).toBe('nullify');
    expect(erasedFields(dataset).map(({ name }) => name)).toEqual(['customer', 'phone']);
    expect(DatasetSpec.parse({ ...base, onErase: 'delete' })).toEqual(DatasetSpec.parse(base));
  });

  test.each([
    ['a subject', { subject: undefined, onErase: 'nullify' }, /^onErase: .*no subject/],
    ['a subject, to delete too', { subject: undefined, onErase: 'delete' }, /^onErase: .*no subject/],
    ['a subject that is no key', { key: ['number', 'customer'], onErase: 'nullify' }, /^onErase: customer is the subject and part of the key/],
    [
      'personal fields that are not required',
      { fields: fields.map((field) => ({ ...field, ...(field.name === 'phone' && { required: true }) })), onErase: 'nullify' },
      /^fields\.2\.required: phone is personal/,
    ],
    [
      'a subject that is not required',
      { fields: fields.map((field) => ({ ...field, ...(field.name === 'customer' && { required: true }) })), onErase: 'nullify' },
      /^fields\.1\.required: customer is the subject/,
    ],
    ['rows that are here', { source: 'crm', table: 'a.b', onErase: 'delete' }, /^onErase: .*stay at the source/],
    ['one of two words', { onErase: 'forget' }, /^onErase: /],
  ])('needs %s', (_what, given, message) => {
    expect(problems(given).join('\n')).toMatch(message);
  });
});

describe('a LegalHold', () => {
  test('has one form for one meaning', () => {
    expect(legalHoldKind.schema.parse({ name: 'x', reason: 'y', subjects: ['9', 7, '9'], until: '2027-01-01T01:00:00+01:00' })).toEqual({
      name: 'x',
      reason: 'y',
      subjects: ['7', '9'],
      until: '2027-01-01T00:00:00.000Z',
    });
  });

  test('is on something', () => {
    expect(legalHoldKind.schema.safeParse({ name: 'x', reason: 'y' }).success).toBe(false);
  });

  test('tells in audit and answers how many persons it names, and none of them', () => {
    const hold = legalHoldKind.schema.parse({ name: 'x', reason: 'y', subjects: ['anna'] });
    expect(JSON.stringify([legalHoldKind.record?.(hold), legalHoldKind.describe?.(undefined, hold), legalHoldKind.describe?.(hold, hold)])).not.toContain(
      'anna',
    );
  });

  test('ends when its time has come', () => {
    const hold = legalHoldKind.schema.parse({ name: 'x', reason: 'y', datasets: ['a'], until: '2027-01-01T00:00:00Z' });
    expect([isHeld(hold, Date.parse('2026-12-31T23:59:59Z')), isHeld(hold, Date.parse('2027-01-01T00:00:00Z'))]).toEqual([true, false]);
  });
});
