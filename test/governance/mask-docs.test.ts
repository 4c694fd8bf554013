import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { SCALAR_TYPES } from '../../src/catalog/index.js';
import { MaskBench, field } from './mask-support.js';

let bench: MaskBench;

beforeAll(async () => {
  bench = await MaskBench.open();
});
afterAll(() => bench?.close());

test('every result in docs/masks.md is what PostgreSQL gives', async () => {
  const text = await readFile(new URL('../../docs/masks.md', import.meta.url), 'utf8');
  const lines = [...text.matchAll(/^\| `(\{ mask: .*?\})` \| (\w+)(\[\])? \| (?:`(.*?)`|null) \| (?:`(.*?)`|null) \|$/gm)];
  expect(lines.length).toBe(text.split('\n').filter((line) => line.startsWith('| `{ mask:')).length);
  for (const [line, spec = '', typeName, list, value = null, result = null] of lines) {
    const type = SCALAR_TYPES.find((name) => name === typeName);
    if (!type) throw new Error(`No type in ${line}`);
    const [masked] = await bench.mask(parse(spec), field(type, list !== undefined), [value]);
    expect({ line, masked }).toEqual({ line, masked: result });
  }
});
