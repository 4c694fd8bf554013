import type { Dataset, Field } from '../catalog/index.js';
import { tagMatches } from '../governance/index.js';

/** A field of a dataset that a value, or the choice of rows, is made of. */
export interface FieldSource {
  readonly dataset: string;
  /** Undefined for the rows as such of a dataset that a pipeline makes: they tell what all of its fields tell. */
  readonly field: string | undefined;
  /** Tags that a step on the way declares to have made harmless. */
  readonly without?: readonly string[];
}

/** What a source hands on to what is made of it. */
export interface Inheritance {
  readonly tags: readonly string[];
  readonly secret: boolean;
}

export function inheritedFrom({ dataset: name, field, without = [] }: FieldSource, datasets: ReadonlyMap<string, Dataset>): Inheritance {
  const fields = (datasets.get(name)?.fields ?? []).filter((candidate) => field === undefined || candidate.name === field);
  const tags = fields.length > 0 ? fields.map((one) => one.tags).reduce((common, own) => common.filter((tag) => own.includes(tag))) : [];
  return {
    tags: tags.filter((tag) => !without.some((gone) => tagMatches(gone, tag))),
    secret: fields.length > 0 && fields.every(({ visibility }: Field) => visibility === 'secret'),
  };
}

/** Each source once; one that came two ways is there twice when one of them kept tags that the other did not. */
export function distinctSources(sources: readonly FieldSource[]): FieldSource[] {
  return [...new Map(sources.map((source) => [JSON.stringify([source.dataset, source.field, source.without]), source])).values()];
}

export function withoutTags(sources: readonly FieldSource[], tags: readonly string[]): FieldSource[] {
  return sources.map((source) => ({ ...source, without: [...new Set([...(source.without ?? []), ...tags])].toSorted() }));
}
