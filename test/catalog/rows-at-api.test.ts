import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { DatasetSpec } from '../../src/catalog/dataset-spec.js';
import { checkSchema } from '../../src/catalog/schema-problems.js';

/** The contract of a dataset whose rows stay at an API, as far as nothing else is looked at. */
const BASE =
  'name: customers\nsource: crm\nfields: [{ name: id, type: bigint }, { name: name, type: text }, { name: weight, type: float }, { name: doc, type: json }]\nkey: [id]\n';

function check(yaml: string) {
  return checkSchema(DatasetSpec, parse(BASE + yaml));
}

function problemsOf(yaml: string): string[] {
  const checked = check(yaml);
  return 'problems' in checked ? checked.problems.map(({ path, message }) => `${path.join('.')}: ${message}`) : [];
}

test('an argument has one form, as a name and as a pointer to it', () => {
  const checked = check('graphql: { list: { field: a, arguments: { name: String }, filters: { name: { eq: /name } } } }');
  expect('spec' in checked && checked.spec.graphql?.list?.filters).toEqual({ name: { eq: 'name' } });
});

test('has one form for one meaning, and that form is a document again', () => {
  const checked = check(`
http:
  limits: { requests: 10, rows: 500 }
  list: { path: /customers, items: '', filters: { name: { in: name, eq: name }, id: { in: id } }, lists: repeated, pages: { by: page, parameter: p, first: 1 } }
  batch: { path: /customers, parameter: id, max: 100 }
`);
  if (!('spec' in checked)) throw new Error(JSON.stringify(checked));
  expect(checked.spec.http).toEqual({
    list: { path: '/customers', filters: { id: { in: 'id' }, name: { eq: 'name', in: 'name' } }, pages: { by: 'page', parameter: 'p' } },
    batch: { path: '/customers', parameter: 'id' },
    limits: { rows: 500 },
  });
  expect(checkSchema(DatasetSpec, JSON.parse(JSON.stringify(checked.spec)))).toEqual({ spec: checked.spec });
});

describe('is refused, with its place and what was expected', () => {
  test.each<[string, string, RegExp]>([
    ['no way to have rows', 'http: {}', /http: say how rows are had: by list, get or batch/],
    ['two places', 'table: a.b\nhttp: { list: { path: /a } }', /http: table and http are two places/],
    ['a path that leads upwards', 'http: { list: { path: /a/../b } }', /http\.list\.path: expected a path below the URL/],
    ['a path that leads upwards in hexadecimal', 'http: { list: { path: /a/%2e%2E/b } }', /http\.list\.path: expected a path below the URL/],
    ['a path with a query', "http: { list: { path: '/a?b=c' } }", /http\.list\.path: expected a path below the URL/],
    ['a list by value', "http: { list: { path: '/a/{id}' } }", /http\.list\.path: a list has no place for a value/],
    ['a row by less than its key', 'http: { get: { path: /a } }', /http\.get\.path: a row is got by its whole key, each field once, and the key is id/],
    ['a row by another field', "http: { get: { path: '/a/{name}' } }", /http\.get\.path: a row is got by its whole key/],
    ['a filter by nothing', 'http: { list: { path: /a, filters: { nmae: { eq: n } } } }', /there is no field "nmae"\. Did you mean "name"/],
    [
      'an order of texts',
      'http: { list: { path: /a, filters: { name: { gt: n } } } }',
      /name is text, and its order is not the same everywhere; only eq and in/,
    ],
    ['equal floats', 'http: { list: { path: /a, filters: { weight: { eq: n } } } }', /weight is float, of which equal values are not written alike/],
    ['a filter by json', 'http: { list: { path: /a, filters: { doc: { eq: n } } } }', /doc is json, which no API can be asked for/],
    [
      'an order by text',
      'http: { list: { path: /a, order: { parameter: sort, by: { name: { asc: name } } } } }',
      /name is text, and its order is not the same everywhere/,
    ],
    [
      'a filter that would take the place of a constant',
      'http: { list: { path: /a, query: { status: active }, filters: { name: { eq: status } } } }',
      /"status" is a constant of the list/,
    ],
    [
      'one parameter for two things',
      'http: { list: { path: /a, filters: { name: { eq: q }, id: { eq: q } } } }',
      /filters\.id\.eq: "q" asks for something else already/,
    ],
    ['an unknown key', 'http: { list: { path: /a, itmes: /data } }', /unknown key "itmes"\. Did you mean "items"/],
    ['a pointer that is none', 'http: { list: { path: /a, items: data } }', /http\.list\.items: expected a JSON pointer/],
    ['limits without an end', 'http: { list: { path: /a }, limits: { rows: 1000000 } }', /http\.limits\.rows/],
    ['what needs a table', 'http: { list: { path: /a } }\nindexes: [[name]]', /indexes: the rows of customers stay at the source crm/],
    [
      'an argument without its type',
      'graphql: { list: { field: customers, filters: { name: { eq: /where/name } } } }',
      /the type of the argument "where" is not said/,
    ],
    ['a type that is none', "graphql: { list: { field: customers, arguments: { first: 'Int) { x }' } } }", /expected a GraphQL type as the API has it/],
    [
      'an argument with dots',
      'graphql: { list: { field: a, filters: { name: { eq: where.name } } } }',
      /eq: expected an argument, or a JSON pointer to a member of one/,
    ],
    ['fields with dots', 'graphql: { list: { field: a, items: edges.node } }', /graphql\.list\.items: expected a JSON pointer to a field of the answer/],
    ['pages by what is none', 'http: { list: { path: /a, pages: { by: next, next: /n } } }', /pages\.by: expected by: page, offset, cursor, link or url/],
    ['pages of GraphQL by a link', 'graphql: { list: { field: a, pages: { by: link } } }', /pages\.by: expected by: page, offset or cursor/],
    ['a field that is none', "graphql: { list: { field: 'a { b }' } }", /expected the name of a GraphQL field/],
  ])('%s', (_, yaml, message) => {
    expect(problemsOf(yaml).join('\n')).toMatch(message);
  });

  test('a way to have rows without a source', () => {
    const checked = checkSchema(DatasetSpec, parse('name: a\nfields: [{ name: id, type: bigint }]\nhttp: { list: { path: /a } }'));
    expect(JSON.stringify(checked)).toMatch(/http needs the source that it is in/);
  });
});
