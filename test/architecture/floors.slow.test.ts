import { beforeAll, describe, expect, test } from 'vitest';
import { lintProject, lintWith, type Finding } from './lint.js';

/** One planted file a promise; all are linted in one run. */
const PLANTED = {
  'src/store/planted-upward.ts': "export { identifier } from '../sql/index.js';\n",
  'src/store/planted-type.ts': "import type { Sql } from '../sql/index.js';\nexport type Planted = Sql;\n",
  'src/store/planted-type-query.ts': "export type Planted = import('../sql/index.js').Sql;\n",
  'src/store/planted-dynamic.ts': "export const planted = () => import('../sql/index.js');\n",
  'src/sql/planted-neighbour.ts': "import { planted } from '../jobs/index.js';\nexport const answer = planted;\n",
  'src/jobs/index.ts': 'export const planted = 1;\n',
  'src/sql/planted-inside.ts': "export { HomeLock } from '../store/home-lock.js';\n",
  'src/sql/planted-deep/deeper.ts': "export { HomeLock } from '../../store/home-lock.js';\n",
  'src/http/planted-app.ts': "export { wire } from '../app.js';\n",
  'src/app.ts': 'export const wire = 1;\n',
  'src/wiring.ts': "export { HomeLock } from './store/index.js';\n",
  'src/attic/planted.ts': "export { HomeLock } from '../store/index.js';\n",
  'src/sql/planted-test.ts': "export { createTestDatabase } from '../../test/support/database.js';\n",
  'src/sql/planted-migrations.ts': "export { migrations } from '../../migrations/index.js';\n",
  'migrations/9999-planted.ts': "export { sha256 } from '../src/kernel/index.js';\n",
  'src/kernel/planted-one.ts': "import { two } from './planted-two.js';\nexport const one = (): number => two();\n",
  'src/kernel/planted-two.ts': "import { one } from './planted-one.js';\nexport const two = (): number => one();\n",
  'src/kernel/planted-type-one.ts': "import type { Two } from './planted-type-two.js';\nexport interface One {\n  readonly two?: Two;\n}\n",
  'src/kernel/planted-type-two.ts': "import type { One } from './planted-type-one.js';\nexport interface Two {\n  readonly one?: One;\n}\n",
  'src/kernel/planted-habits.ts': [
    'export let state = 0;',
    'export const loose = (value: any): unknown => value;',
    'export const sure = (value?: string): string => value!;',
    'export function forget(): void {',
    '  Promise.resolve(state++);',
    '}',
    "console.log('planted');",
    '',
  ].join('\n'),
  'src/sql/planted-fetch.ts':
    "import { request } from 'undici';\nexport const reach = async (url: string): Promise<unknown[]> => [await request(url), await fetch(url)];\n",
  'src/sql/planted-right.ts':
    "import { sha256 } from '../kernel/index.js';\nimport type { Connection } from '../store/index.js';\nexport const right = (c: Connection): string => sha256(Object.keys(c).join());\n",
} as const;

type Planted = keyof typeof PLANTED;

let findings: Finding[];

beforeAll(async () => {
  findings = await lintWith(PLANTED);
});

const rulesOf = (file: Planted): string[] => findings.filter((finding) => finding.file === file).map((finding) => finding.rule);
const sentencesOf = (file: Planted): string[] => findings.filter((finding) => finding.file === file).map((finding) => finding.message);

describe('the linter refuses', () => {
  test.each<[string, Planted, RegExp]>([
    ['an import from a higher floor', 'src/store/planted-upward.ts', /sql is above/],
    ['one that is of a type only', 'src/store/planted-type.ts', /sql is above/],
    ['one that is written within a type', 'src/store/planted-type-query.ts', /sql is above/],
    ['one that is made when the program runs', 'src/store/planted-dynamic.ts', /sql is above/],
    ['an import from a room on the same floor', 'src/sql/planted-neighbour.ts', /on one floor/],
    ['an import past the index of the other room', 'src/sql/planted-inside.ts', /index\.ts only/],
    ['the same from a folder within a room', 'src/sql/planted-deep/deeper.ts', /index\.ts only/],
    ['an import of app.ts by a room', 'src/http/planted-app.ts', /app\.ts is above/],
    ['a second place that wires rooms', 'src/wiring.ts', /no room of the house/],
    ['a room without a floor', 'src/attic/planted.ts', /no room of the house/],
    ['a test helper in the program', 'src/sql/planted-test.ts', /nothing from test/],
    ['the migrations outside the store', 'src/sql/planted-migrations.ts', /Only the store/],
    ['a migration that uses the program', 'migrations/9999-planted.ts', /stands alone/],
  ])('%s', (_, file, sentence) => {
    expect(rulesOf(file)).toEqual(['headgate(floors)']);
    expect(sentencesOf(file)).toEqual([expect.stringMatching(sentence)]);
  });

  test('a cycle within a room, of values and of types', () => {
    for (const file of [
      'src/kernel/planted-one.ts',
      'src/kernel/planted-two.ts',
      'src/kernel/planted-type-one.ts',
      'src/kernel/planted-type-two.ts',
    ] as const) {
      expect(rulesOf(file)).toEqual(['import(no-cycle)']);
    }
  });

  test('state of a module, any, non-null assertions, promises left alone, the console', () => {
    expect(rulesOf('src/kernel/planted-habits.ts').toSorted()).toEqual([
      'eslint(no-console)',
      'headgate(no-module-state)',
      'typescript(no-explicit-any)',
      'typescript(no-floating-promises)',
      'typescript(no-non-null-assertion)',
    ]);
  });

  test('a client beside the outbound one', () => {
    expect(rulesOf('src/sql/planted-fetch.ts').toSorted()).toEqual(['eslint(no-restricted-globals)', 'eslint(no-restricted-imports)']);
  });

  test('nothing that is right', () => {
    expect(rulesOf('src/sql/planted-right.ts')).toEqual([]);
  });
});

test('the house keeps its floors and has no cycle', async () => {
  const broken = (await lintProject()).filter(({ rule }) => rule === 'headgate(floors)' || rule === 'import(no-cycle)');
  expect(broken).toEqual([]);
});
