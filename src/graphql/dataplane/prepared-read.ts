import type { CompiledRead, GovernedPlan, Refusal } from '../../access/index.js';
import type { AuditFact } from '../../audit/index.js';
import { LruMap } from '../../kernel/index.js';
import type { DataPlane } from './types.js';

/** A governed and compiled plan, and what is said of each read by it: it serves every request of its shape under equal decisions. */
export interface PreparedRead {
  readonly compiled: CompiledRead;
  readonly dataset: string;
  /** Equal values give equal answers only at one moment: by a condition of a grant, or by consents. */
  readonly usesTime: boolean;
  /** One a dataset that is read, and one for each code with which fields of it are refused; `rowCount` only is missing. */
  readonly acts: readonly ReadAct[];
  readonly refusals: readonly Refusal[];
  /** `dataset.field` of what the answer shows masked. */
  readonly masked: readonly string[];
}

export type ReadAct = Pick<AuditFact, 'fields' | 'masked' | 'decision' | 'details'> & { readonly dataset: string };

/** How often plans were found, made and driven out, in all views of a process. */
export interface PlanCounts {
  hits: number;
  misses: number;
  evictions: number;
}

/** The plans of one view. A plan is some kilobytes; its statement is prepared in the sessions of the database as well. */
export class PlanCache extends LruMap<string, PreparedRead> {
  readonly #counts: PlanCounts;

  constructor(counts: PlanCounts = { hits: 0, misses: 0, evictions: 0 }, bound = 2_000) {
    super(bound, () => (counts.evictions += 1));
    this.#counts = counts;
  }

  override get(key: string): PreparedRead | undefined {
    const found = super.get(key);
    this.#counts[found === undefined ? 'misses' : 'hits'] += 1;
    return found;
  }
}

/** @param dataset the root field's: its read is an act although no field of it is seen */
export function preparedRead(plan: GovernedPlan, compiled: CompiledRead, dataset: string, plane: DataPlane): PreparedRead {
  const { refusals, reads, decisions } = plan;
  const masked = [...reads].flatMap(([name, { maskedInAnswer }]) => {
    const fields = decisions.get(name)?.dataset.fields ?? [];
    return fields.filter((field) => maskedInAnswer.has(field.name)).map((field) => `${name}.${field.graphqlName}`);
  });
  const usesTime = [...decisions.values()].some((decision) => decision.usesTime);
  return { compiled, dataset, usesTime, refusals, masked, acts: actsOf(plan, dataset, plane) };
}

function actsOf({ refusals, reads, decisions }: GovernedPlan, dataset: string, plane: DataPlane): ReadAct[] {
  const acts: ReadAct[] = [];
  for (const [name, { plain, masked }] of reads) {
    // Of a dataset of which nothing is granted there is only the refusal to tell.
    const { rows, aggregate } = decisions.get(name) ?? {};
    if (rows === 'none' && !aggregate) continue;
    if (aggregate) {
      // Named as read, and that of no row.
      if (name === dataset) acts.push({ dataset: name, decision: 'ALLOWED', fields: [...plain], masked: [], details: { aggregateOnly: true } });
      continue;
    }
    if (plain.size > 0 || masked.size > 0 || name === dataset) acts.push({ dataset: name, decision: 'ALLOWED', fields: [...plain], masked: [...masked] });
  }
  for (const [name, ofDataset] of Map.groupBy(refusals, (refusal) => refusal.dataset)) {
    for (const [code, ofCode] of Map.groupBy(ofDataset, (refusal) => refusal.code)) {
      const fields = [...new Set(ofCode.map((refusal) => contractName(plane, name, refusal.field)))];
      acts.push({ dataset: name, decision: 'DENIED', details: { code, fields } });
    }
  }
  return acts;
}

/** Entries name fields and relations as the contract does; clients know them by their names in GraphQL. */
export function contractName(plane: DataPlane, dataset: string, graphqlName: string): string {
  const { fields = [], relations = [] } = plane.types.get(dataset)?.dataset ?? {};
  return [...fields, ...relations].find((member) => member.graphqlName === graphqlName)?.name ?? graphqlName;
}
