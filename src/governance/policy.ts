import type { Catalog, Dataset } from '../catalog/index.js';
import { fingerprint, HeadgateError, type Log } from '../kernel/index.js';
import { compileExpression, type Expression } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { columnsOf } from './columns.js';
import { covers, effectsOf } from './effects.js';
import { aggregateProblem } from './aggregate-problem.js';
import { AccessGrantEntity } from './grant.entity.js';
import { sqlMaskExpression } from './mask.js';
import type { Effect, GrantSpec, Right } from './grant.js';

/** A grant as it bears on one dataset. */
export interface DatasetGrant {
  readonly name: string;
  readonly spec: GrantSpec;
  readonly rights: ReadonlySet<Right>;
  /** Undefined: all rows. */
  readonly rows: Expression | undefined;
  readonly effects: ReadonlyMap<string, Effect>;
  /** It shows at least one field, so its rows are visible; a grant of denials alone opens no row. */
  readonly shows: boolean;
  /** It no longer fits the catalog: it closes what it spoke about, and opens nothing. */
  readonly isBroken: boolean;
  /** Of all that decides, for caches and cursors. */
  readonly fingerprint: string;
}

/** All grants in force, ready to decide with. Immutable, and belongs to one version of the catalog. */
export interface Policy {
  readonly catalog: Catalog;
  readonly grantsOn: ReadonlyMap<string, readonly DatasetGrant[]>;
}

export async function loadPolicy(tx: Transaction, catalog: Catalog, log: Log): Promise<Policy> {
  const grants = await tx.manager.find(AccessGrantEntity, { order: { name: 'ASC' } });
  return buildPolicy(
    catalog,
    grants.map((grant) => grant.spec),
    (name, error) => log.error({ err: error, grant: name }, 'a grant no longer fits the catalog: its fields are closed until it is mended'),
  );
}

export function buildPolicy(catalog: Catalog, specs: readonly GrantSpec[], onBroken: (grant: string, error: unknown) => void): Policy {
  const grantsOn = new Map<string, readonly DatasetGrant[]>();
  for (const dataset of catalog.datasets.values()) {
    const grants = specs.filter((spec) => covers(spec, dataset)).map((spec) => onDataset(spec, dataset, onBroken));
    grantsOn.set(dataset.name, grants);
  }
  return { catalog, grantsOn };
}

function onDataset(spec: GrantSpec, dataset: Dataset, onBroken: (grant: string, error: unknown) => void): DatasetGrant {
  const base = { name: spec.name, spec, rights: new Set(spec.rights) };
  try {
    const effects = effectsOf(spec, dataset);
    for (const effect of effects.values()) if (effect.kind === 'sql') sqlMaskExpression(effect, columnsOf(dataset));
    const problem = aggregateProblem(spec, dataset);
    if (problem) throw new HeadgateError('BAD_USER_INPUT', problem.message, { dataset: dataset.name });
    return {
      ...base,
      isBroken: false,
      rows: spec.rows === undefined ? undefined : compileExpression(spec.rows, { columns: columnsOf(dataset), claims: true }),
      effects,
      shows: [...effects.values()].some((effect) => effect.kind !== 'deny'),
      // The effects too: a steward's tag changes them under one and the same contract.
      fingerprint: fingerprint(JSON.stringify([spec, dataset.name, dataset.contractVersion, [...effects]])),
    };
  } catch (error) {
    onBroken(spec.name, error);
    // Fail closed: leaving a broken grant out could drop a denial. With aggregateOnly it has none.
    const effects = new Map((spec.aggregateOnly ? [] : dataset.fields).map((field): [string, Effect] => [field.name, { kind: 'deny' }]));
    return { ...base, isBroken: true, rows: undefined, effects, shows: false, fingerprint: fingerprint(`broken ${spec.name}`) };
  }
}
