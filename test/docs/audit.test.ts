import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { verifyExport } from '../../src/audit/index.js';
import { fenced, manual } from './manual.js';

test('the entries of the manual are a chain, computed as the manual says', async () => {
  const text = await readFile(manual('docs/audit.md'), 'utf8');
  const lines = fenced(text, 'json')
    .flatMap((block) => block.trimEnd().split('\n'))
    .filter((line) => line.startsWith('{"action"'));
  expect(lines).toHaveLength(2);
  let prev = '0'.repeat(64);
  for (const line of lines) {
    const entry = `${line.slice(0, line.indexOf(',"prevHash":'))}}`;
    prev = createHash('sha256').update(prev).update(entry).digest('hex');
    expect(line).toContain(`"hash":"${prev}"`);
  }
  async function* each(): AsyncGenerator<string> {
    yield* lines;
  }
  expect(await verifyExport({ lines: each() })).toMatchObject({ valid: true, entries: 2 });
});
