import { HeadgateError, pointerKeys } from '../../../kernel/index.js';
import { listedGraphql, localName, TakenNames, type HttpClient, type ListedField, type ListedGraphql } from '../../../sources/index.js';
import { graphqlPagesOf } from '../../collectors/graphql/graphql-collector.js';
import type { GraphqlPart } from '../../collectors/parts/graphql.js';
import { Walk } from './http-sample.js';
import type { Sample, SampleBounds } from './sample.js';

/** Rows that one request asks for. */
const PAGE = 100;
const LONGEST_WAIT_MS = 5_000;

interface NamedField extends ListedField {
  /** As the contract has it. */
  readonly local: string;
}

/**
 * The first pages of a list of another GraphQL API, whose introspection says what its fields are.
 * @param field the root field that gives the list
 * @throws HeadgateError as listedGraphql and HttpClient.send
 */
export async function graphqlSample(client: HttpClient, field: string, bounds: SampleBounds): Promise<Sample> {
  const listed = await listedGraphql(client, field, bounds.signal);
  const taken = new TakenNames();
  const fields = listed.fields.map((one): NamedField => ({ ...one, local: taken.take(localName(one.name, 'field')) }));
  if (fields.length === 0)
    throw new HeadgateError('BAD_USER_INPUT', `${field} at ${client.name} has no field that a contract can show.`, { source: client.name });
  const part = partOf(listed, fields);
  const walk = new Walk(graphqlPagesOf(client, part, LONGEST_WAIT_MS), undefined, bounds);
  const id = fields.find(({ name, isId }) => isId && name === 'id');
  return {
    called: field,
    rows: walk.rows(),
    columns: fields.map(({ local: name, type, list, required, description }) => ({
      name,
      ...(type && { type }),
      list,
      required,
      ...(description !== undefined && { description: description.slice(0, 10_000) }),
    })),
    key: id ? [id.local] : [],
    isWhole: () => walk.isOver,
    seen: () => `${field} of the source ${client.name}${walk.pages > 1 ? `, ${walk.pages} pages` : ''}`,
    part: () => ({
      part: { graphql: part },
      remarks: listed.pages ? [] : ['No arguments of pages are known, so the answer counts as all there is. If there is more, say pages.'],
    }),
    remarks: listed.leftOut.length > 0 ? [`Left out, since they are objects or need arguments: ${listed.leftOut.join(', ')}.`] : [],
  };
}

/** What asks for all rows: each field under its name in the contract. */
function partOf({ field, items, item, pages, size }: ListedGraphql, fields: readonly NamedField[]): GraphqlPart {
  const selected = fields.map(({ name, local }) => (name === local ? name : `${local}: ${name}`)).join(' ');
  const rows = pointerKeys(`${items}${item}`).reduceRight((inner, name) => `${name} { ${inner} }`, selected);
  const given = [...(size === undefined ? [] : [`${size}: ${PAGE}`]), ...(pages ? [`${pages.argument}: $${pages.argument}`] : [])];
  const called = `${field}${given.length > 0 ? `(${given.join(', ')})` : ''}`;
  const info = pages?.by === 'cursor' ? 'pageInfo { hasNextPage endCursor } ' : '';
  const operation = pages ? `query ($${pages.argument}: ${pages.type})` : 'query';
  return {
    query: `${operation} {\n  ${called} { ${info}${rows} }\n}\n`,
    items: `/${field}${items}`,
    ...(pages && {
      pages: { by: pages.by, variable: pages.argument },
    }),
    ...(item !== '' && { fields: Object.fromEntries(fields.map(({ local }) => [local, `${item}/${local}`])) }),
  };
}
