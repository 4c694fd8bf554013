import { readFileSync } from 'node:fs';
import { isObjectType, printSchema } from 'graphql';
import { expect, test } from 'vitest';
import { bareControlSchema, buildControlSchema } from '../../src/graphql/index.js';
import { controlRules } from '../../src/graphql/control/rules.js';

test('every root field of the control plane has a rule of its own', () => {
  const schema = bareControlSchema();
  const rules = controlRules([]) as Record<string, Record<string, unknown>>;
  for (const root of ['Query', 'Mutation'] as const) {
    const type = schema.getType(root);
    if (!isObjectType(type)) throw new Error(`no ${root}`);
    expect(Object.keys(rules[root] ?? {}).toSorted()).toEqual(Object.keys(type.getFields()).toSorted());
  }
});

test('guarding it does not change what it looks like', () => {
  expect(printSchema(buildControlSchema())).toBe(printSchema(bareControlSchema()));
});

test('no dataset can take a name of the control plane', () => {
  const reserved = new Set(readFileSync(new URL('../../schema/reserved.txt', import.meta.url), 'utf8').split(/\s+/));
  const schema = bareControlSchema();
  const roots = [schema.getQueryType(), schema.getMutationType()].flatMap((type) => Object.keys(type?.getFields() ?? {}));
  const types = Object.keys(schema.getTypeMap()).filter((name) => !name.startsWith('__'));
  expect([...roots, ...types].filter((name) => !reserved.has(name))).toEqual([]);
});
