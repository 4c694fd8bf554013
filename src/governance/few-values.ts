import type { ApplyContext, Dataset, Field } from '../catalog/index.js';
import { identifier, raw, render, sql } from '../sql/index.js';
import { effectsOf } from './effects.js';
import type { GrantSpec } from './grant.js';

/** Rows that are looked at: it takes some milliseconds, however large the table is. */
const SAMPLE = 5_000;
/** So few different values, each so often on average, are guessed from how often each occurs. */
const FEW = 200;
const OFTEN = 4;
/** Fewer than these say nothing about those to come. */
const LEAST = 20;

/**
 * Warns of fields that are shown as a hash, a token or a pseudonym, and have few distinct values: who knows how often each occurs
 * knows them all. It does not say how many there are. Of a dataset that stays at its source only what the contract says is known.
 */
export async function warnOfFewValues(spec: GrantSpec, datasets: readonly Dataset[], context: ApplyContext): Promise<void> {
  for (const dataset of datasets) {
    for (const [name, { kind }] of effectsOf(spec, dataset)) {
      if (kind !== 'hash' && kind !== 'tokenize' && kind !== 'pseudonym') continue;
      const field = dataset.fields.find((candidate) => candidate.name === name);
      if (!field || !(saysFew(field) || (await holdsFew(dataset, field, context)))) continue;
      context.warn(
        `${dataset.name}.${name} has few distinct values: with ${kind} they are guessed from how often each occurs. Grant ${spec.name} could use redact or nullify.`,
      );
    }
  }
}

function saysFew({ rules }: Field): boolean {
  return rules.some((rule) => rule.kind === 'in' && rule.values.length <= FEW);
}

async function holdsFew(dataset: Dataset, field: Field, { tx }: ApplyContext): Promise<boolean> {
  if (dataset.source) return false;
  const rows = sql`SELECT ${identifier(field.name)} AS v FROM ${identifier('data', dataset.name)} LIMIT ${raw(`${SAMPLE}`)}`;
  const [counts] = await tx.query<{ all: number; distinct: number }>(
    render(sql`SELECT count(v)::int AS "all", count(DISTINCT v)::int AS "distinct" FROM (${rows}) AS t`).text,
  );
  return counts !== undefined && counts.all >= LEAST && counts.distinct <= FEW && counts.all >= OFTEN * counts.distinct;
}
