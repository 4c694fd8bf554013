import { House } from '../../support/house.js';
import type { Limits } from '../../../src/config/index.js';
import { cellOf, type DatasetModel, type GrantModel, type Row, type World } from './model.js';
import { literalText } from './scalars.js';

/** Generated questions are longer than people's; the price is a law of its own. */
export const ROOMY: Partial<Limits> = { maxCost: 1e9, maxDepth: 40, maxAliases: 1_000, maxTokens: 50_000 };

/** A database on which one world comes after another. */
export class Stage {
  readonly house: House;
  #world: World | undefined;

  private constructor(house: House) {
    this.house = house;
  }

  static async open(): Promise<Stage> {
    return new Stage(await House.open(ROOMY));
  }

  /** Takes away the world that was there. */
  async set(world: World, rows: World['rows'] = world.rows): Promise<House> {
    const { house } = this;
    if (this.#world) await house.apply(absenceOf(this.#world));
    this.#world = world;
    await house.apply(manifestOf(world));
    for (const dataset of world.datasets) await insert(house, dataset, rows[dataset.name] ?? []);
    return house;
  }

  async close(): Promise<void> {
    await this.house.close();
  }
}

function absenceOf({ datasets, grants }: World): string {
  const all = [...grants.map(({ name }) => ({ kind: 'Grant', name })), ...datasets.map(({ name }) => ({ kind: 'Dataset', name }))];
  return all.map((document) => JSON.stringify({ ...document, state: 'absent' })).join('\n---\n');
}

/** JSON is YAML. */
export function manifestOf({ datasets, grants }: Pick<World, 'datasets' | 'grants'>): string {
  const purposes = ['care', 'ads'].map((name) => ({ kind: 'Purpose', name, description: name, lawfulBasis: 'consent' }));
  return [...purposes, ...datasets.map(datasetDocument), ...grants.map(grantDocument)].map((document) => JSON.stringify(document)).join('\n---\n');
}

function datasetDocument({ name, visibility, fields, key, relations }: DatasetModel): unknown {
  return {
    kind: 'Dataset',
    name,
    visibility,
    fields: fields.map(({ name: field, type, list, required, tags, visibility: seen }) => ({
      name: field,
      type: list ? `${type}[]` : type,
      required,
      tags,
      visibility: seen,
    })),
    ...(key.length > 0 && { key }),
    relations: relations.map(({ name: relation, to, on, many }) => ({
      name: relation,
      to,
      on: Object.fromEntries(on.map(({ local, remote }) => [local, remote])),
      many,
    })),
  };
}

function grantDocument({ rows, ...grant }: GrantModel): unknown {
  return { kind: 'Grant', ...grant, ...(rows && { rows: rows.sql }) };
}

export async function insert(house: House, dataset: DatasetModel, rows: readonly Row[]): Promise<void> {
  const columns = [...dataset.fields.map(({ name }) => name), '_rid'].join(', ');
  const width = dataset.fields.length + 1;
  // A statement takes 65,535 values.
  for (let start = 0; start < rows.length; start += 1_000) {
    const part = rows.slice(start, start + 1_000);
    const places = part.map((_, i) => `(${Array.from({ length: width }, (__, j) => `$${i * width + j + 1}`).join(', ')})`);
    const values = part.flatMap(({ rid, cells }) => [...dataset.fields.map((field) => literalText(field, cellOf({ cells }, field.name))), `\\x${rid}`]);
    await house.database.query(`INSERT INTO data.${dataset.name} (${columns}) VALUES ${places.join(', ')}`, values);
  }
}
