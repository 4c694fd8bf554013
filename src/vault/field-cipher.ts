import { createHmac, type Hmac } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { HeadgateError } from '../kernel/index.js';
import { ContentCipher } from './content-cipher.js';
import type { DataKeys } from './data-keys.js';
import { blindIndex, open, seal, type Place, type SealedField } from './envelope.js';
import type { SubjectKeys } from './subject-keys.js';

/** Values between which others get their turn: some milliseconds. */
const AT_A_TIME = 256;

/** Encrypts values of fields and decrypts them: with the key of the subject, or the dataset's where a row has none. */
export class FieldCipher {
  readonly #subjects: Pick<SubjectKeys, 'obtain' | 'find'>;
  readonly #data: DataKeys;
  /** By their keys, for as long as those are kept. */
  readonly #contents = new WeakMap<Buffer, ContentCipher>();

  constructor(subjects: Pick<SubjectKeys, 'obtain' | 'find'>, data: DataKeys) {
    this.#subjects = subjects;
    this.#data = data;
  }

  /** The envelopes of values, in their order. A value that looks like an envelope is a value like others. */
  async seal(values: readonly { readonly place: Place; readonly value: string }[]): Promise<string[]> {
    if (values.length === 0) return [];
    const places = values.map(({ place }) => place);
    const subjects = await this.#subjects.obtain(subjectsOf(places));
    const data = await this.#data.obtain([...indexNames(places), ...datasetNames(places)]);
    return inTurns(values, ({ place, value }) => {
      const key = place.subject === null ? data.get(datasetName(place)) : subjects.get(place.subject);
      const indexKey = data.get(indexName(place));
      if (!key || !indexKey) throw closed();
      return seal(key, place, blindIndex(indexKey, value), value);
    });
  }

  /** The values in envelopes, in their order; null where there is none to be had: the key was destroyed, or it is not of this place. */
  async open(envelopes: readonly { readonly place: Place; readonly envelope: string }[]): Promise<(string | null)[]> {
    if (envelopes.length === 0) return [];
    const places = envelopes.map(({ place }) => place);
    const subjects = await this.#subjects.find(subjectsOf(places));
    const data = await this.#data.obtain(datasetNames(places));
    return inTurns(envelopes, ({ place, envelope }) => {
      const key = place.subject === null ? data.get(datasetName(place)) : subjects.get(place.subject);
      return key ? open(key, place, envelope) : null;
    });
  }

  /** Computes blind indexes of these fields. */
  async indexer(fields: readonly SealedField[]): Promise<(field: SealedField, value: string) => string> {
    const keys = await this.#data.obtain(indexNames(fields));
    return (field, value) => {
      const key = keys.get(indexName(field));
      if (!key) throw new Error('the blind index of another field');
      return blindIndex(key, value);
    };
  }

  /** Hashes the content of a load, so that a repeated one is recognised; without the key a short one can't be guessed from it. */
  async contentHash(dataset: string): Promise<Hmac> {
    return createHmac('sha256', await this.#data.one(`content-hash/${dataset}`));
  }

  /** What encrypts and hashes what waits under one name, which is no dataset's. */
  async contents(name: string): Promise<ContentCipher> {
    const [key, hashKey] = [`content/${name}`, `content-hash/${name}`];
    const keys = await this.#data.obtain([key, hashKey]);
    const [content, hash] = [keys.get(key), keys.get(hashKey)];
    if (!content || !hash) throw new Error('a key that was obtained is not there');
    const known = this.#contents.get(content) ?? new ContentCipher(content, hash);
    this.#contents.set(content, known);
    return known;
  }
}

function subjectsOf(places: readonly Place[]): Set<string> {
  return new Set(places.flatMap(({ subject }) => subject ?? []));
}

function indexName({ dataset, field }: SealedField): string {
  return `index/${dataset}.${field}`;
}

function indexNames(fields: readonly SealedField[]): Set<string> {
  return new Set(fields.map(indexName));
}

function datasetName({ dataset }: SealedField): string {
  return `dataset/${dataset}`;
}

function datasetNames(places: readonly Place[]): Set<string> {
  return new Set(places.filter(({ subject }) => subject === null).map(datasetName));
}

async function inTurns<T, R>(items: readonly T[], work: (item: T) => R): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) {
    if (results.length > 0 && results.length % AT_A_TIME === 0) await turn();
    results.push(work(item));
  }
  return results;
}

function closed(): HeadgateError {
  return new HeadgateError('UNAVAILABLE', 'The master key does not open the keys of encrypted fields. Start with the one that they were made with.');
}
