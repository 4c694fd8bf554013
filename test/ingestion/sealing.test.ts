import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sealedContent } from '../../src/ingestion/sealed-content.js';
import { dataset } from './setup.js';

const people = dataset(
  'people',
  [
    { name: 'id', type: 'bigint', aliases: ['No', 'Kunde "A"'] },
    { name: 'email', type: 'text', encrypted: true, aliases: ['mail', 'E-Mail, privat'] },
    { name: 'note', type: 'text' },
  ],
  { subject: 'id' },
);

/** Tells for whom it encrypts what, and not the value. */
const cipher = {
  seal: async (values: readonly { readonly place: { readonly field: string; readonly subject: string | null }; readonly value: string }[]) =>
    values.map(({ place }) => `sealed-${place.field}-for-${place.subject}`),
};

async function sealed(text: string, format: 'csv' | 'ndjson' | 'json'): Promise<string> {
  const chunks: Buffer[] = [];
  async function* content(): AsyncGenerator<Buffer> {
    yield Buffer.from(text);
  }
  for await (const chunk of sealedContent(content(), { dialect: {}, dataset: people, format, cipher, maxValueBytes: 1_000_000 })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
const secret = 'nobody-knows@example.com';

test('a value of an encrypted field is encrypted for its subject before it reaches the disk, whatever alias either comes under', async () => {
  const names = fc.record({ id: fc.constantFrom('id', 'No', 'Kunde "A"'), email: fc.constantFrom('email', 'mail', 'E-Mail, privat'), swapped: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(names, fc.constantFrom('csv', 'ndjson', 'json'), async ({ id, email, swapped }, format) => {
      const pairs = swapped
        ? [
            [email, secret],
            [id, '7'],
          ]
        : [
            [id, '7'],
            [email, secret],
          ];
      const row = JSON.stringify(Object.fromEntries([...pairs, ['note', 'plain']]));
      const csv = [[...pairs.map(([name = '']) => quoted(name)), 'note'].join(','), [...pairs.map(([, value]) => value), 'plain'].join(',')].join('\n');
      const text = await sealed(format === 'csv' ? csv : format === 'json' ? `[${row}]` : row, format);
      expect(text).not.toContain(secret);
      expect(text).toContain('sealed-email-for-7');
      expect(text).toContain('plain');
    }),
  );
});

test.each([
  ['a field under two names', 'id,email,mail\n1,a,b\n', 'csv'],
  ['a member under two names', '{"id":1,"email":"a","mail":"b"}', 'ndjson'],
  ['another column', 'id,email,note,extra\n1,a,b,c\n', 'csv'],
  ['another member', '[{"id":1,"E-mail":"a"}]', 'json'],
] as const)('%s beside encrypted fields is refused before anything is written', async (_what, text, format) => {
  await expect(sealed(text, format)).rejects.toMatchObject({ code: 'DATA_REJECTED' });
});
