import { z } from 'zod';
import { Text } from './field-spec.js';
import type { ManifestKind } from './manifest-kind.js';
import type { Processing } from './model.js';
import { PurposeEntity } from './purpose.entity.js';

/** The lawful bases of Article 6 of the GDPR, and `other` where another law rules. */
const LAWFUL_BASES = ['consent', 'contract', 'legal_obligation', 'vital_interests', 'public_task', 'legitimate_interests', 'other'] as const;

const PurposeSpec = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'expected a name of lower-case letters, digits, dots, dashes and underscores, at most 100'),
  description: Text.optional(),
  lawfulBasis: z.enum(LAWFUL_BASES).optional(),
  contact: Text.optional(),
  subjects: z.array(Text).min(1).max(100).optional(),
  recipients: z.array(Text).min(1).max(100).optional(),
  transfers: Text.optional(),
  retention: Text.optional(),
});
type PurposeSpec = z.infer<typeof PurposeSpec>;

export const purposeKind: ManifestKind<PurposeSpec> = {
  kind: 'Purpose',
  schema: PurposeSpec,
  async load(tx) {
    const purposes = await tx.manager.find(PurposeEntity, { order: { name: 'ASC' } });
    return new Map(
      purposes.map(({ name, description, lawfulBasis, processing }) => [
        name,
        PurposeSpec.parse({ name, ...(description !== null && { description }), ...(lawfulBasis !== null && { lawfulBasis }), ...processing }),
      ]),
    );
  },
  async save(_name, { name, description, lawfulBasis, ...processing }, _before, { tx }) {
    const given = JSON.parse(JSON.stringify(processing)) as Processing;
    await tx.manager.upsert(PurposeEntity, { name, description: description ?? null, lawfulBasis: lawfulBasis ?? null, processing: given }, ['name']);
  },
  async remove(name, { tx }) {
    await tx.manager.delete(PurposeEntity, { name });
  },
};
