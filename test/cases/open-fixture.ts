import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Limits } from '../../src/config/index.js';
import { House } from '../support/house.js';

const FIXTURE = join(import.meta.dirname, 'fixture');

/** A house with the manifests and rows of `fixture/`. `edit` may change the text of a file before it is used. */
export async function openFixture(limits: Partial<Limits> = {}, edit: (text: string) => string = (text) => text): Promise<House> {
  const house = await House.open(limits);
  const manifests = readdirSync(FIXTURE).filter((file) => file.endsWith('.yaml'));
  for (const file of manifests.toSorted()) await house.apply(edit(readFileSync(join(FIXTURE, file), 'utf8')));
  await house.database.query(edit(readFileSync(join(FIXTURE, 'rows.sql'), 'utf8')));
  return house;
}
