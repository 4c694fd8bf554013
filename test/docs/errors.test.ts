import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/kernel/index.js';
import { fenced, manual } from './manual.js';

const text = await readFile(manual('docs/errors.md'), 'utf8');
const sections = [...text.matchAll(/^## ([A-Z][A-Z_]+)\n(.*?)(?=^## |$(?![\s\S]))/gms)].map(([, code = '', body = '']) => ({ code, body }));

test('every code has its section, in the order of the code, and there is no other', () => {
  expect(sections.map(({ code }) => code)).toEqual(Object.keys(ERROR_CODES));
});

test('the table has every code with its status', () => {
  const rows = [...text.matchAll(/^\| \[([A-Z_]+)\]\(#([a-z_]+)\) \| (\d+) \|/gm)].map(([, code = '', anchor, status]) => ({
    code,
    anchor,
    status: Number(status),
  }));
  expect(rows).toEqual(Object.entries(ERROR_CODES).map(([code, status]) => ({ code, anchor: code.toLowerCase(), status })));
});

test.each(sections)('$code says when, how to mend it, and shows one', ({ code, body }) => {
  expect(body).toMatch(/^\*\*When\.\*\*/m);
  expect(body).toMatch(/^\*\*How to mend\.\*\*/m);
  const examples = fenced(body, 'json');
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) {
    const { status, code: told } = JSON.parse(example) as { status?: number; code?: string };
    expect(example).toContain(`"code": "${code}"`);
    // A problem document; a GraphQL answer has neither of the two.
    if (status !== undefined) expect({ told, status }).toEqual({ told: code, status: ERROR_CODES[code as keyof typeof ERROR_CODES] });
  }
});
