import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fenced, manual } from '../docs/manual.js';
import { Served } from '../support/served.js';
import { applyManifest, drained, SECRET } from './events-support.js';

let served: Served;
let text: string;

beforeAll(async () => {
  served = await Served.start({ HEADGATE_SECRET_SHOP: SECRET });
  text = await readFile(manual('docs/events.md'), 'utf8');
  await applyManifest(served, fenced(text, 'yaml')[0] ?? '');
});
afterAll(async () => served?.close());

test('the senders of the manual are understood: one in a shell, and one in Node', async () => {
  const run = async (program: string, args: readonly string[]) =>
    (await promisify(execFile)(program, [...args], { env: { ...process.env, HEADGATE_SECRET_SHOP: SECRET } })).stdout;
  const here = (code: string) => code.replaceAll('http://127.0.0.1:4000', served.url);
  const [shell = '', node = ''] = [fenced(text, 'sh')[0], fenced(text, 'js')[0]].map((code) => here(code ?? ''));
  const answer = await run('sh', ['-c', shell]);
  expect(answer).toContain('202 Accepted');
  expect(answer).toContain('{"id":"A-1","duplicate":false}');
  const event = { specversion: '1.0', id: 'A-2', source: '/shop', type: 'com.example.order.paid', data: { customer: 'bert', total: 2 } };
  const program = `${node}\nconsole.log((await send(${JSON.stringify(event)})).status);`;
  expect(await run(process.execPath, ['--input-type=module', '--eval', program])).toBe('202\n');
  await drained(served, 'shop');
  expect(await served.sql('SELECT id, kind, customer, total::text FROM data.shop_orders ORDER BY id')).toEqual([
    { id: 'A-1', kind: 'com.example.order.made', customer: 'anna', total: '12.50' },
    { id: 'A-2', kind: 'com.example.order.paid', customer: 'bert', total: '2' },
  ]);
});
