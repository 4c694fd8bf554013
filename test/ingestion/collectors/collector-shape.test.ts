import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkSchema } from '../../../src/catalog/schema-problems.js';
import { CollectorShape } from '../../../src/ingestion/collectors/collector-shape.js';

const check = (yaml: string) => checkSchema(CollectorShape, parse(`name: orders\nsource: there\ndataset: orders\n${yaml}`));

function problemsOf(yaml: string): string {
  const checked = check(yaml);
  return 'problems' in checked ? checked.problems.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n') : '';
}

test('times and schedules have one form for one meaning, and that form is a document again', () => {
  const checked = check(
    "batch: { wait: 120000ms }\nschedule: { cron: ' 0  3 * * * ', timeZone: UTC, catchUp: once }\nhttp: { path: /o, since: { pointer: /at, parameter: p, lag: 600s } }",
  );
  if (!('spec' in checked)) throw new Error(JSON.stringify(checked));
  expect(checked.spec).toMatchObject({ batch: { wait: '2m' }, schedule: '0 3 * * *', http: { since: { lag: '10m' } } });
  expect(checkSchema(CollectorShape, JSON.parse(JSON.stringify(checked.spec)))).toEqual({ spec: checked.spec });
  expect(check("schedule: { catchUp: all, timeZone: Europe/Berlin, cron: '0 3 * * *' }\nbatch: { wait: 1500ms }")).toMatchObject({
    spec: { schedule: { cron: '0 3 * * *', timeZone: 'Europe/Berlin', catchUp: 'all' }, batch: { wait: '1500ms' } },
  });
});

describe('is refused, with its place and what was expected', () => {
  test.each([
    ['batch: { wait: 200 }', /^batch\.wait: /],
    ['batch: { wait: 0ms }', /^batch\.wait: expected a duration such as 200ms, 2s or 1m, at most 15m$/],
    ['batch: { wait: 1h }', /^batch\.wait: expected a duration .* at most 15m$/],
    ['batch: { wait: soon }', /^batch\.wait: expected a duration/],
    ["schedule: { cron: '0 3 * *' }", /schedule.*five fields/],
    ['nats: { stream: S, value: /a }', /^nats\.value: unknown key "value"/],
    ['nats: { stream: S, items: a }', /^nats\.items: expected a JSON pointer/],
    ['nats: { stream: S, fields: { at: $time } }', /^nats\.fields\.at: .*a fact of the delivery: \$receivedAt, \$position, \$subject$/],
    ['nats: { stream: S, fields: { at: $stream } }', /^nats\.fields\.at: .*\$subject$/],
    ['redis: { streams: [s], fields: { at: $subject } }', /^redis\.fields\.at: .*a fact of the delivery: \$receivedAt, \$position, \$stream$/],
    ['redis: { streams: [s], field: data }', /^redis\.field: unknown key "field"/],
    ['kafka: { topic: a b }', /^kafka\.topic: expected a name of letters/],
    ['kafka: { topic: t, from: 2026-01-31T00:00:00Z }', /^kafka\.from: /],
    ['kafka: { topic: t, fields: { at: $subject } }', /^kafka\.fields\.at: .*: \$receivedAt, \$position, \$topic, \$partition, \$offset, \$key, \$headers$/],
    ['events: { fields: { at: $Time } }', /^events\.fields\.at: expected a JSON pointer into what is delivered/],
    ['events: { fields: { at: at }, rest: yes }', /^events\.rest: expected true/m],
    ['postgres: { table: a.b, since: { pointer: /at } }', /^postgres\.since\.column: /m],
  ])('%s', (yaml, message) => {
    expect(problemsOf(yaml)).toMatch(message);
  });
});
