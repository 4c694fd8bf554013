import { Document } from 'yaml';
import type { Database, Transaction } from '../store/index.js';
import type { ManifestKind } from './manifest-kind.js';

export interface ExportedManifest {
  readonly kind: string;
  readonly name: string;
  /** One YAML document. */
  readonly text: string;
}

/** All that is in force as manifests, in an order that can be applied. Applying them changes nothing. */
export async function exportManifests(database: Database, kinds: readonly ManifestKind[]): Promise<ExportedManifest[]> {
  return database.transaction((tx) => exportIn(tx, kinds), 'REPEATABLE READ');
}

async function exportIn(tx: Transaction, kinds: readonly ManifestKind[]): Promise<ExportedManifest[]> {
  const exported: ExportedManifest[] = [];
  for (const kind of kinds) {
    if (kind.confidential) continue;
    for (const [name, spec] of await kind.load(tx)) exported.push({ kind: kind.kind, name, text: documentText(kind, spec) });
  }
  return exported;
}

/** Keys as a reader expects them; the others follow as they come. */
const FIRST_KEYS = ['kind', 'name', 'typeName', 'description', 'owner', 'visibility', 'type', 'required', 'to', 'on', 'tags', 'fields', 'key'];

/** One document, as YAML with its keys in an order that a reader expects. */
export function documentText(kind: Pick<ManifestKind, 'kind' | 'toDocument'>, spec: object): string {
  const content = kind.toDocument ? kind.toDocument(spec) : spec;
  const document = new Document(inOrder({ kind: kind.kind, ...content }), { aliasDuplicateObjects: false, version: '1.2' });
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const rank = (key: string) => (FIRST_KEYS.includes(key) ? FIRST_KEYS.indexOf(key) : FIRST_KEYS.length);
  const entries = Object.entries(value).toSorted(([a], [b]) => rank(a) - rank(b));
  return Object.fromEntries(entries.map(([key, item]) => [key, inOrder(item)]));
}
