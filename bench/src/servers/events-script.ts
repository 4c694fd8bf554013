import { createHmac, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import pg from 'pg';
import { serveFor } from './child.ts';

/**
 * What a competent user writes to take signed webhooks: Fastify, a check of the signature, and one INSERT for all that came
 * while the last one was under way. Nothing is encrypted, bounded, put on the record or drained.
 */
const secret = process.env['HEADGATE_SECRET_BENCH'] ?? '';
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 2 });
await pool.query(
  'CREATE TABLE IF NOT EXISTS public.webhook (id text PRIMARY KEY, type text, data jsonb NOT NULL, received_at timestamptz NOT NULL DEFAULT now())',
);

interface Waiting {
  readonly id: string;
  readonly type: string;
  readonly data: string;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}
let waiting: Waiting[] = [];
let isWriting = false;

async function write(): Promise<void> {
  isWriting = true;
  while (waiting.length > 0) {
    const group = waiting;
    waiting = [];
    try {
      await pool.query({
        name: 'insert',
        text: 'INSERT INTO public.webhook (id, type, data) SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[]) ON CONFLICT (id) DO NOTHING',
        values: [group.map(({ id }) => id), group.map(({ type }) => type), group.map(({ data }) => data)],
      });
      for (const { done } of group) done();
    } catch (error) {
      for (const { failed } of group) failed(error);
    }
  }
  isWriting = false;
}

const app = Fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/events/bench', async (request, reply) => {
  const body = request.body as Buffer;
  const time = String(request.headers['x-timestamp']);
  const given = Buffer.from(String(request.headers['x-signature']).slice('sha256='.length), 'hex');
  const expected = createHmac('sha256', secret).update(`${time}.`).update(body).digest();
  if (given.length !== expected.length || !timingSafeEqual(given, expected) || Math.abs(Date.now() / 1000 - Number(time)) > 300) return reply.code(401).send();
  const { id, type, data } = JSON.parse(body.toString()) as { id: string; type: string; data: unknown };
  await new Promise<void>((done, failed) => {
    waiting.push({ id, type, data: JSON.stringify(data), done, failed });
    if (!isWriting) void write();
  });
  return reply.code(202).send({ id });
});
await app.listen({ port: 0, host: '127.0.0.1' });
serveFor(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, async () => {
  await app.close();
  await pool.end();
});
