import { createHmac } from 'node:crypto';
import { until } from '../support/processes.js';
import type { Served } from '../support/served.js';

export const SECRET = 'a secret of the shop';
export const OLD_SECRET = 'the secret before';
export const ENV = {
  HEADGATE_SECRET_SHOP: SECRET,
  HEADGATE_SECRET_SHOP_OLD: OLD_SECRET,
  HEADGATE_SECRET_GITHUB: "It's a Secret to Everybody",
  HEADGATE_SECRET_STRIPE: 'whsec_stripe',
};

/** Orders that a shop sends, pushes of GitHub, charges of Stripe, and a source for who has a token. */
export const EVENTS = `
kind: Dataset
name: orders
fields:
  - { name: id, type: text }
  - { name: kind, type: text }
  - { name: at, type: timestamp }
  - { name: customer, type: text }
  - { name: total, type: decimal }
key: [id]
subject: customer
---
kind: Dataset
name: pushes
fields: [{ name: delivery, type: text }, { name: event, type: text }, { name: ref, type: text }]
---
kind: Dataset
name: charges
fields: [{ name: id, type: text }, { name: amount, type: decimal }]
key: [id]
---
kind: Dataset
name: notes
fields: [{ name: note, type: text }]
---
kind: Source
name: shop
type: events
signature: { secrets: ['\${HEADGATE_SECRET_SHOP}', '\${HEADGATE_SECRET_SHOP_OLD}'] }
origins: [shop.example.com]
---
kind: Source
name: github
type: events
signature: { preset: github, secrets: ['\${HEADGATE_SECRET_GITHUB}'] }
---
kind: Source
name: stripe
type: events
signature: { preset: stripe, secrets: ['\${HEADGATE_SECRET_STRIPE}'] }
---
kind: Source
name: inner
type: events
auth: token
---
kind: Source
name: idle
type: events
signature: { secrets: ['\${HEADGATE_SECRET_SHOP}'] }
---
kind: Collector
name: shop_orders
source: shop
dataset: orders
batch: { wait: 20ms }
events:
  types: [order.*]
  fields: { id: $id, kind: $type, at: $time, customer: /customer, total: /total }
---
kind: Collector
name: github_pushes
source: github
dataset: pushes
batch: { wait: 20ms }
events: { fields: { delivery: $id, event: $type, ref: /ref } }
---
kind: Collector
name: stripe_charges
source: stripe
dataset: charges
batch: { wait: 20ms }
events: { fields: { id: $id, amount: /data/object/amount } }
---
kind: Collector
name: inner_notes
source: inner
dataset: notes
batch: { wait: 20ms }
---
kind: Grant
name: feeders
to: { roles: [feeder] }
on: { datasets: [notes] }
rights: [ingest]
fields: { '*': allow }
`;

export async function applyManifest(served: Served, manifest: string): Promise<void> {
  const { errors } = await served.ask(await served.token('root', ['admin']), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', {
    m: manifest,
  });
  if (errors) throw new Error(JSON.stringify(errors));
}

export interface Sent {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: globalThis.Headers;
}

export async function post(url: string, source: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Sent> {
  const response = await fetch(`${url}/events/${source}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: body as string,
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>), headers: response.headers };
}

/** As the source `shop` wants it signed. */
export function signed(body: string | Buffer, { secret = SECRET, at = Date.now(), ce = {} as Record<string, string> } = {}): Record<string, string> {
  const time = String(Math.floor(at / 1000));
  const lines = Object.keys(ce)
    .toSorted()
    .map((name) => `${name}:${ce[name]}\n`);
  const head = lines.length === 0 ? '' : `${lines.join('')}\n`;
  const signature = createHmac('sha256', secret).update(`${time}.${head}`).update(body).digest('hex');
  return { 'x-timestamp': time, 'x-signature': `sha256=${signature}`, ...ce };
}

export function structured(id: string, data: unknown, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ specversion: '1.0', id, source: '/shop', type: 'order.made', time: '2026-03-01T12:00:00Z', ...more, data });
}

export const STRUCTURED = { 'content-type': 'application/cloudevents+json' };

/** Sends a CloudEvent of the shop. */
export async function sendOrder(url: string, id: string, data: unknown, more: Record<string, unknown> = {}): Promise<Sent> {
  const body = structured(id, data, more);
  return post(url, 'shop', body, { ...signed(body), ...STRUCTURED });
}

export async function waits(served: Served, source: string): Promise<number> {
  const [row] = (await served.sql(`SELECT count(*)::int AS n FROM headgate.inbox WHERE source = '${source}'`)) as { n: number }[];
  return row?.n ?? 0;
}

/** Until nothing waits and the collector has landed what it took. */
export async function drained(served: Served, source: string): Promise<void> {
  await until(`the events of ${source} are taken`, async () => (await waits(served, source)) === 0);
}
