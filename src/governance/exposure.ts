import { audiencesOf, audienceText, memberOf, purposesOn } from './audience.js';
import { cellView, filterTexts, type Knows } from './cell-text.js';
import { decide } from './decide.js';
import { tagMatches } from './grant.js';
import type { Policy } from './policy.js';

export interface TaggedField {
  readonly dataset: string;
  readonly field: string;
  readonly tags: readonly string[];
}

/** What somebody could see today of a field with a tag. */
export interface Exposure extends TaggedField {
  /** `role analyst`, `subject bob`, `anonymous`. */
  readonly audience: string;
  readonly purposes: readonly string[];
  readonly withoutPurpose: boolean;
  /** Some cell as it is; else masked. */
  readonly plain: boolean;
  /** "allow", "email where country = 'DE', else hash". */
  readonly effect: string;
  readonly grants: readonly string[];
}

/** The fields that carry a tag, or one under it, by dataset. */
export function taggedFields({ catalog }: Policy, tag: string, knows: Knows = () => true): readonly TaggedField[] {
  return [...catalog.datasets.values()].flatMap(({ name: dataset, fields }) =>
    fields
      .filter(({ name, tags }) => tags.some((own) => tagMatches(tag, own)) && knows(dataset) && knows(dataset, name))
      .map(({ name: field, tags }) => ({ dataset, field, tags })),
  );
}

/** Who could see which field with the tag, by the function that decides. @param unmasked only what somebody sees as it is */
export function exposuresOf(
  policy: Policy,
  tag: string,
  { unmasked = true, knows = () => true }: { readonly unmasked?: boolean; readonly knows?: Knows } = {},
): readonly Exposure[] {
  const texts = filterTexts([policy], knows);
  return taggedFields(policy, tag, knows).flatMap((tagged) => {
    const dataset = policy.catalog.datasets.get(tagged.dataset);
    if (!dataset) return [];
    return audiencesOf(policy).flatMap((audience): Exposure[] => {
      const seen = purposesOn(dataset.name, audience, policy).flatMap((purpose) => {
        const decision = decide(policy, memberOf(audience, purpose), dataset);
        const view = cellView(decision, tagged.field, texts);
        if (!view.seen || (unmasked && !view.plain)) return [];
        return [{ purpose, plain: view.plain, effect: view.text, grants: decision.aggregate?.grants ?? decision.fields.get(tagged.field)?.grants ?? [] }];
      });
      return [...Map.groupBy(seen, ({ purpose: _, ...rest }) => JSON.stringify(rest)).values()].flatMap((group) => {
        const [first] = group;
        if (!first) return [];
        const { plain, effect, grants } = first;
        const purposes = group.flatMap(({ purpose }) => purpose ?? []);
        const withoutPurpose = group.some(({ purpose }) => purpose === undefined);
        return [{ ...tagged, audience: audienceText(audience), purposes, withoutPurpose, plain, effect, grants }];
      });
    });
  });
}
