import { expect, test } from 'vitest';
import type { Dataset } from '../../src/catalog/index.js';
import { askedReasons, toldOf, type Shown } from '../../src/graphql/control/refused-rows.js';

const dataset = { fields: [], rules: [{ name: 'in_order' }] } as unknown as Dataset;

test.each(['json', 'key', 'drift', 'message', 'in_order'])('why a row was refused as a whole is told to who sees all of it, and to nobody else: %s', (rule) => {
  const reason = { field: null, rule };
  expect(toldOf(dataset)(reason)).toBe(true);
  expect(toldOf(dataset, { plain: new Set(), isAllPlain: true })(reason)).toBe(true);
  expect(toldOf(dataset, { plain: new Set(), isAllPlain: false })(reason)).toBe(false);
  expect(askedReasons(dataset, { isTold: toldOf(dataset) } as Shown, { rule })).toEqual([reason]);
});
