import type { EventsPart } from '../collectors/parts/index.js';
import { JsonTree } from '../json-tree.js';
import { rowText } from '../row-members.js';
import type { ReceivedEvent } from './event.js';

/** Whether a collector takes events of this type. */
export function takes({ types }: EventsPart, { attributes }: ReceivedEvent): boolean {
  if (!types) return true;
  const type = String(attributes['type'] ?? '');
  return types.some((wanted) => (wanted.endsWith('*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted));
}

/** The row of an event, as one line of JSON. What is no object is one all the same: it is for the load to refuse. */
export function rowOf({ fields, rest }: EventsPart, event: ReceivedEvent, receivedAt: Date): string {
  const data = dataOf(event);
  if (!fields) return data;
  const tree = event.kind === 'none' ? undefined : new JsonTree(data);
  return rowText({ fields, rest }, tree, (fact) => attributeText(event, fact.slice(1), receivedAt));
}

function attributeText({ attributes }: ReceivedEvent, name: string, receivedAt: Date): string | undefined {
  if (name === 'receivedAt') return JSON.stringify(receivedAt.toISOString());
  return Object.hasOwn(attributes, name) ? JSON.stringify(attributes[name]) : undefined;
}

/** The data as JSON: text and bytes are a JSON text. */
function dataOf({ kind, data }: ReceivedEvent): string {
  return kind === 'json' ? data : kind === 'none' ? 'null' : JSON.stringify(data);
}
