import type { Principal } from '../../../src/identity/index.js';
import { masked, type KeyOf } from './masks.js';
import {
  type Cell,
  cellOf,
  type DatasetModel,
  datasetOf,
  type Effect,
  type FieldModel,
  type GrantModel,
  type RelationModel,
  type Row,
  type World,
} from './model.js';

export type Code = 'FORBIDDEN' | 'PURPOSE_REQUIRED' | 'UNAUTHENTICATED';

/** What a principal sees of one field: governance.md, read row by row. */
export type Access = { readonly kind: 'plain' } | { readonly kind: 'masked'; readonly scope?: string } | { readonly kind: 'forbidden'; readonly code: Code };

export interface SeenDataset {
  readonly dataset: DatasetModel;
  /** The rows that are there for the principal, with their cells as they are seen. */
  readonly rows: readonly Row[];
  readonly access: ReadonlyMap<string, Access>;
  /** The code of a refusal of the dataset as a whole; absent when some grant shows something of it. */
  readonly refusal?: Code;
}

const ORDER: readonly string[] = ['allow', 'partial', 'email', 'truncate', 'year', 'round', 'range', 'tokenize', 'hash', 'redact', 'nullify', 'deny'];

function closedness(effect: Effect): number {
  return ORDER.indexOf(typeof effect === 'string' ? effect : effect.mask);
}

const matches = (granted: string, tag: string): boolean => tag === granted || tag.startsWith(`${granted}.`);

function isAbout(grant: GrantModel, dataset: DatasetModel): boolean {
  const { datasets, tags } = grant.on;
  if (datasets?.includes(dataset.name)) return true;
  if (dataset.visibility === 'secret') return false;
  return (datasets?.includes('*') ?? false) || (tags ?? []).some((tag) => dataset.fields.some((field) => field.tags.some((own) => matches(tag, own))));
}

/** The grant's own word on a field: its own entry before a tag's, a tag's before '*'. */
function effectOn(grant: GrantModel, field: FieldModel): Effect | undefined {
  if (grant.on.tags && !grant.on.tags.some((tag) => field.tags.some((own) => matches(tag, own)))) return undefined;
  const own = grant.fields[field.name];
  if (own !== undefined) return own;
  if (field.visibility === 'secret') return undefined;
  const byTag = Object.entries(grant.fields).filter(([key]) => key.startsWith('tag:') && field.tags.some((tag) => matches(key.slice(4), tag)));
  const [strictest] = byTag.map(([, effect]) => effect).toSorted((a, b) => closedness(b) - closedness(a));
  return strictest ?? (field.tags.includes('unclassified') ? undefined : grant.fields['*']);
}

/** Data as one principal sees them. */
export class Seen {
  readonly #world: World;
  readonly #asker: Principal;
  readonly #keyOf: KeyOf;
  readonly #made = new Map<string, SeenDataset>();

  constructor(world: World, asker: Principal, keyOf: KeyOf) {
    this.#world = world;
    this.#asker = asker;
    this.#keyOf = keyOf;
  }

  of(name: string): SeenDataset {
    const found = this.#made.get(name);
    if (found) return found;
    const made = this.#see(datasetOf(this.#world, name));
    this.#made.set(name, made);
    return made;
  }

  access(dataset: string, field: string): Access {
    return this.of(dataset).access.get(field) ?? { kind: 'forbidden', code: 'FORBIDDEN' };
  }

  /** The grants under which the principal reads the dataset. */
  grants(dataset: DatasetModel, purpose = this.#asker.purpose): GrantModel[] {
    return this.#world.grants.filter(
      (grant) =>
        isAbout(grant, dataset) &&
        this.#isFor(grant) &&
        (grant.rights ?? ['read']).includes('read') &&
        (grant.purposes === undefined || (purpose !== undefined && grant.purposes.includes(purpose))),
    );
  }

  /** Why a relation can't be followed; undefined when it can. */
  refusal(from: DatasetModel, relation: RelationModel): Code | undefined {
    for (const { local, remote } of relation.on) {
      const [near, far] = [this.access(from.name, local), this.access(relation.to, remote)];
      if (near.kind === 'forbidden') return near.code;
      if (far.kind === 'forbidden') return far.code;
      if (near.kind === 'plain' && far.kind === 'plain') continue;
      if (near.kind === 'plain' || far.kind === 'plain' || near.scope === undefined || near.scope !== far.scope) return 'FORBIDDEN';
    }
    return undefined;
  }

  /** Is the row there for the principal? */
  shows(dataset: DatasetModel, row: Row): boolean {
    return this.grants(dataset).some((grant) => this.#shows(grant, dataset) && this.#holds(grant, row) === true);
  }

  /** Does the cell look the same whatever it holds? */
  isConstant(dataset: DatasetModel, field: FieldModel, row: Row): boolean {
    const effect = this.effect(field, this.grants(dataset), row);
    return effect === undefined || effect === 'deny' || (typeof effect === 'object' && (effect.mask === 'redact' || effect.mask === 'nullify'));
  }

  #isFor({ to }: GrantModel): boolean {
    if (this.#asker.anonymous) return to.anonymous === true;
    return (to.roles ?? []).some((role) => role === '*' || this.#asker.roles.includes(role)) || (to.subjects ?? []).includes(this.#asker.subject);
  }

  #see(dataset: DatasetModel): SeenDataset {
    const grants = this.grants(dataset);
    const showing = grants.filter((grant) => this.#shows(grant, dataset));
    const access = new Map(dataset.fields.map((field) => [field.name, this.#access(dataset, field, grants)]));
    const stored = this.#world.rows[dataset.name] ?? [];
    const rows = stored
      .filter((row) => showing.some((grant) => this.#holds(grant, row) === true))
      .map(({ rid, cells }) => ({
        rid,
        cells: Object.fromEntries(dataset.fields.map((field) => [field.name, this.#cell(dataset, field, grants, { rid, cells })])),
      }));
    const opened = dataset.fields.some((field) => this.#openedByOther(dataset, field));
    return { dataset, rows, access, ...(showing.length === 0 && { refusal: this.#code(opened) }) };
  }

  #shows(grant: GrantModel, dataset: DatasetModel): boolean {
    return dataset.fields.some((field) => (effectOn(grant, field) ?? 'deny') !== 'deny');
  }

  #holds({ rows }: GrantModel, { cells }: Row): boolean | null {
    return rows === undefined ? true : rows.holds(cells, this.#asker.claims);
  }

  /** The most open effect of the grants that hold for the row, unless one denies. @see Seen.grants for their order */
  effect(field: FieldModel, grants: readonly GrantModel[], row: Row): Effect | undefined {
    const speaking = grants.flatMap((grant) => {
      const effect = effectOn(grant, field);
      return effect === undefined ? [] : [{ effect, holds: this.#holds(grant, row) }];
    });
    // It is not known that the row is none of the denied ones.
    if (speaking.some(({ effect, holds }) => effect === 'deny' && holds !== false)) return 'deny';
    // Of one mask with several settings, those of the first grant come first.
    const sorted = speaking.filter(({ effect }) => effect !== 'deny').toSorted((a, b) => closedness(a.effect) - closedness(b.effect));
    const alike = Map.groupBy(sorted, ({ effect }) => JSON.stringify(effect));
    return [...alike.values()].find((group) => group.some(({ holds }) => holds === true))?.[0]?.effect;
  }

  #cell(dataset: DatasetModel, field: FieldModel, grants: readonly GrantModel[], row: Row): Cell {
    const effect = this.effect(field, grants, row);
    if (effect === undefined || effect === 'deny') return null;
    const cell = cellOf(row, field.name);
    return effect === 'allow' ? cell : masked(effect, field, dataset.name, cell, this.#keyOf);
  }

  #access(dataset: DatasetModel, field: FieldModel, grants: readonly GrantModel[]): Access {
    if (!this.#isOpen(field, grants)) return { kind: 'forbidden', code: this.#code(this.#openedByOther(dataset, field)) };
    const showing = grants.filter((grant) => this.#shows(grant, dataset));
    const effects = showing.map((grant) => ({ grant, effect: effectOn(grant, field) }));
    const denies = grants.some((grant) => effectOn(grant, field) === 'deny');
    // One grant for all rows, or all that show any row, say the same most open thing.
    const always = (is: (effect: Effect | undefined) => boolean): boolean =>
      !denies && (effects.every(({ effect }) => is(effect)) || effects.some(({ grant, effect }) => grant.rows === undefined && is(effect)));
    if (always((effect) => effect === 'allow')) return { kind: 'plain' };
    const [first] = effects.flatMap(({ effect }) => effect ?? []).toSorted((a, b) => closedness(a) - closedness(b));
    const isOnly = first !== undefined && always((effect) => JSON.stringify(effect) === JSON.stringify(first));
    if (isOnly && typeof first === 'object' && first.mask === 'hash') return { kind: 'masked', scope: first.scope ?? `${dataset.name}.${field.name}` };
    return { kind: 'masked' };
  }

  #isOpen(field: FieldModel, grants: readonly GrantModel[]): boolean {
    const effects = grants.flatMap((grant) => {
      const effect = effectOn(grant, field);
      return effect === undefined ? [] : [{ effect, grant }];
    });
    return effects.some(({ effect }) => effect !== 'deny') && !effects.some(({ effect, grant }) => effect === 'deny' && grant.rows === undefined);
  }

  #openedByOther(dataset: DatasetModel, field: FieldModel): boolean {
    return this.#asker.purposes.some((purpose) => purpose !== this.#asker.purpose && this.#isOpen(field, this.grants(dataset, purpose)));
  }

  #code(openedByOther: boolean): Code {
    if (this.#asker.anonymous) return 'UNAUTHENTICATED';
    return openedByOther ? 'PURPOSE_REQUIRED' : 'FORBIDDEN';
  }
}
