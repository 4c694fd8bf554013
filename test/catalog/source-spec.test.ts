import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkSchema } from '../../src/catalog/schema-problems.js';
import { SourceSpec } from '../../src/catalog/source-spec.js';

function problemsOf(yaml: string): string[] {
  const checked = checkSchema(SourceSpec, parse(`name: there\n${yaml}`));
  return 'problems' in checked ? checked.problems.map(({ path, message }) => `${path.join('.')}: ${message}`) : [];
}

const SECRET = "'${HEADGATE_SECRET_A}'";
const HTTP = 'type: http\nurl: https://api.example.com';
const NATS = 'type: nats\nurl: nats://broker.example.com';
const REDIS = 'type: redis\nurl: redis://broker.example.com';
const KAFKA = 'type: kafka\nurl: [kafka://one.example.com, kafkas://two.example.com:9093]';
const BUCKET = 'type: files\nurl: s3://bucket/prefix\nregion: eu-central-1';

describe('auth has one key for the way in which Headgate says who it is', () => {
  test.each([
    [HTTP, `{ bearer: ${SECRET} }`],
    [HTTP, `{ basic: { user: ada, password: ${SECRET} } }`],
    [NATS, `{ basic: { user: ada, password: ${SECRET} } }`],
    [NATS, `{ nkey: ${SECRET} }`],
    [REDIS, `{ basic: { user: ada, password: ${SECRET} } }`],
    [REDIS, `{ basic: { password: ${SECRET} } }`],
    [KAFKA, `{ basic: { user: ada, password: ${SECRET} } }`],
    [KAFKA, `{ scramSha512: { user: ada, password: ${SECRET} } }`],
    [BUCKET, `{ accessKey: { id: ${SECRET}, secret: ${SECRET} } }`],
  ])('%s: %s', (source, auth) => {
    expect(problemsOf(`${source}\nauth: ${auth}`)).toEqual([]);
  });

  test.each<[string, string, string, RegExp]>([
    ['two ways', HTTP, `{ bearer: ${SECRET}, basic: { user: a, password: ${SECRET} } }`, /^auth: expected exactly one of bearer, basic, header and oauth2$/],
    ['none', NATS, '{}', /^auth: expected exactly one of basic, token, nkey and credentials$/],
    ['none where there is one', REDIS, '{}', /^auth: expected basic$/],
    [
      'two of Kafka',
      KAFKA,
      `{ basic: { user: a, password: ${SECRET} }, scramSha256: { user: a, password: ${SECRET} } }`,
      /^auth: expected exactly one of basic, scramSha256 and scramSha512$/,
    ],
    ['a user without a word of how', NATS, `{ user: ada, password: ${SECRET} }`, /^auth\.user: unknown key "user"/],
    ['a way of another source', REDIS, `{ token: ${SECRET} }`, /^auth\.token: unknown key "token"/],
    ['a password that is told', HTTP, '{ basic: { user: ada, password: hunter2 } }', /^auth\.basic\.password: expected a reference to a secret/],
    ['a user without a password', NATS, '{ basic: { user: ada } }', /^auth\.basic\.password: /],
    ['a secret without its key', BUCKET, `{ accessKey: { secret: ${SECRET} } }`, /^auth\.accessKey\.id: /],
    [
      'of what is no bucket',
      'type: files\nurl: https://files.example.com/a/',
      `{ accessKey: { id: ${SECRET}, secret: ${SECRET} } }`,
      /^auth: auth is for object stores/,
    ],
  ])('%s is refused', (_, source, auth, message) => {
    expect(problemsOf(`${source}\nauth: ${auth}`).join('\n')).toMatch(message);
  });
});
