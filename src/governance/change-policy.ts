import { Column, Entity, PrimaryColumn } from 'typeorm';
import { z } from 'zod';
import { Tag, type ManifestKind } from '../catalog/index.js';
import { HeadgateError } from '../kernel/index.js';
import type { Transaction } from '../store/index.js';
import { tagMatches } from './grant.js';

/** What can be changed on the control plane: kinds of manifests, and credentials. */
const CHANGEABLE = [
  'Purpose',
  'Source',
  'Dataset',
  'Classification',
  'Pipeline',
  'Collector',
  'Grant',
  'LegalHold',
  'ChangePolicy',
  'ApiKey',
  'Token',
] as const;

/** A `ChangePolicy` document: under which conditions the control plane itself can be changed. Several add up. */
export const ChangePolicySpec = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'A change policy is named with lower-case letters, digits, dots, dashes and underscores.'),
    description: z.string().min(1).max(10_000).optional(),
    /** Of all changes, or of these. */
    requireReason: z.union([z.literal(true), z.array(z.enum(CHANGEABLE)).min(1)]).optional(),
    /** What would show somebody more of a field with one of these tags waits for a second person. */
    fourEyes: z.strictObject({ tags: z.array(Tag).min(1).max(100) }).optional(),
  })
  .refine(({ requireReason, fourEyes }) => requireReason ?? fourEyes, { message: 'Say what it asks for: requireReason, fourEyes or both.' });
export type ChangePolicySpec = z.infer<typeof ChangePolicySpec>;

@Entity({ name: 'change_policy', schema: 'headgate' })
export class ChangePolicyEntity {
  @PrimaryColumn('text') name!: string;
  @Column('jsonb') spec!: ChangePolicySpec;
  @Column('text', { name: 'updated_by' }) updatedBy!: string;
  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' }) updatedAt!: Date;
}

export const changePolicyKind: ManifestKind<ChangePolicySpec> = {
  kind: 'ChangePolicy',
  schema: ChangePolicySpec,
  async load(tx) {
    const policies = await tx.manager.find(ChangePolicyEntity, { order: { name: 'ASC' } });
    return new Map(policies.map(({ name, spec }) => [name, spec]));
  },
  async save(name, spec, _before, { tx, appliedBy }) {
    await tx.manager.save(ChangePolicyEntity, { name, spec, updatedBy: appliedBy, updatedAt: new Date() });
  },
  async remove(name, { tx }) {
    await tx.manager.delete(ChangePolicyEntity, { name });
  },
};

/** All change policies in force, as one. */
export class ChangeRules {
  readonly #policies: readonly ChangePolicySpec[];

  private constructor(policies: readonly ChangePolicySpec[]) {
    this.#policies = policies;
  }

  static async load(tx: Pick<Transaction, 'query'>): Promise<ChangeRules> {
    const rows = await tx.query<{ spec: ChangePolicySpec }>('SELECT spec FROM headgate.change_policy ORDER BY name');
    return new ChangeRules(rows.map(({ spec }) => spec));
  }

  /** Whether some changes wait for a second person. */
  get wantsFourEyes(): boolean {
    return this.#policies.some(({ fourEyes }) => fourEyes !== undefined);
  }

  /** Whether one of the tags is under one that was chosen for four eyes. */
  isWatched(tags: readonly string[]): boolean {
    return this.#policies.some(({ fourEyes }) => fourEyes?.tags.some((chosen) => tags.some((tag) => tagMatches(chosen, tag))));
  }

  /** Whether what is taken from under one of the tags is, or holds, what was chosen for four eyes. */
  isTouched(tags: readonly string[]): boolean {
    return this.#policies.some(({ fourEyes }) => fourEyes?.tags.some((chosen) => tags.some((tag) => tagMatches(chosen, tag) || tagMatches(tag, chosen))));
  }

  /** @throws HeadgateError BAD_USER_INPUT when changes of this kind need a reason, and none is given. */
  checkReason(kind: string, reason: string | undefined): void {
    const policy = this.#policies.find(({ requireReason }) => requireReason === true || requireReason?.some((named) => named === kind));
    if (!policy || (reason !== undefined && reason.trim() !== '')) return;
    throw new HeadgateError(
      'BAD_USER_INPUT',
      `A change of a ${kind} needs a reason (change policy ${policy.name}). Say why: in the argument reason, or with --reason on the command line.`,
      { path: 'reason', kind, policy: policy.name },
    );
  }
}

const LONGEST_REASON = 1_000;

/** @throws HeadgateError BAD_USER_INPUT for a text that is too long to be one. */
export function checkedReason(reason: string | undefined): string | undefined {
  if (reason !== undefined && reason.length > LONGEST_REASON)
    throw new HeadgateError('BAD_USER_INPUT', `reason: expected at most ${LONGEST_REASON} characters, got ${reason.length}.`, { path: 'reason' });
  return reason === undefined || reason.trim() === '' ? undefined : reason.trim();
}
