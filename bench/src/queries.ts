import { COUNTRIES, TIERS } from './data.ts';
import type { ReadServerName } from './server-process.ts';

export const QUERIES = ['flat', 'nested', 'one', 'aggregate', 'groups'] as const;
export type QueryName = (typeof QUERIES)[number];

/** One request in words that all servers understand. */
export interface Variant {
  readonly country: string;
  readonly tier?: string;
  readonly id?: string;
}

interface Query {
  readonly title: string;
  /** Rows of a full answer. */
  readonly rows: number;
  readonly variants: readonly Variant[];
  /** The document of each server; the variables are the same where it has them. */
  readonly documents: Readonly<Record<ReadServerName, string>>;
}

const COUNTRY_AND_TIER: readonly Variant[] = COUNTRIES.flatMap((country) => TIERS.map((tier) => ({ country, tier })));
/** A customer of each country and tier, somewhere in the table. */
const CUSTOMERS: readonly Variant[] = COUNTRY_AND_TIER.map(({ country }, i) => {
  const place = COUNTRIES.findIndex((other) => other === country);
  return { country, id: String(1 + place + COUNTRIES.length * ((i * 37) % 400)) };
});

/**
 * The reads. Headgate's row filter is the claim of the token; the others are told the country in the request and
 * so return the same rows. The limit has a prepared statement by name instead of a document.
 */
export const queries: Readonly<Record<QueryName, Query>> = {
  flat: {
    title: '100 rows x 7 fields, filtered and ordered',
    rows: 100,
    variants: COUNTRY_AND_TIER,
    documents: {
      headgate: `query Flat($tier: String!) {
        customers(first: 100, where: { tier: { eq: $tier } }, orderBy: [{ id: ASC }]) { nodes { id name email birthDate country city tier } }
      }`,
      postgraphile: `query Flat($country: String!, $tier: String!) {
        customers: allCustomers(first: 100, condition: { country: $country, tier: $tier }, orderBy: [PRIMARY_KEY_ASC]) {
          nodes { id: rowId name email birthDate country city tier }
        }
      }`,
      limit: 'flat',
    },
  },
  nested: {
    title: '50 rows x 3 fields, each with 10 nested rows x 4 fields',
    rows: 50 * 11,
    variants: COUNTRY_AND_TIER,
    documents: {
      headgate: `query Nested($tier: String!) {
        customers(first: 50, where: { tier: { eq: $tier } }, orderBy: [{ id: ASC }]) {
          nodes { id name country orders(first: 10, orderBy: [{ placedAt: DESC }]) { nodes { id status amount placedAt } } }
        }
      }`,
      postgraphile: `query Nested($country: String!, $tier: String!) {
        customers: allCustomers(first: 50, condition: { country: $country, tier: $tier }, orderBy: [PRIMARY_KEY_ASC]) {
          nodes { id: rowId name country orders: ordersByCustomerId(first: 10, orderBy: [PLACED_AT_DESC]) { nodes { id: rowId status amount placedAt } } }
        }
      }`,
      limit: 'nested',
    },
  },
  one: {
    title: 'one row x 7 fields, by key',
    rows: 1,
    variants: CUSTOMERS,
    documents: {
      headgate: 'query One($id: BigInt!) { customersByKey(id: $id) { id name email birthDate country city tier } }',
      postgraphile: 'query One($id: BigInt!) { customersByKey: customerByRowId(rowId: $id) { id: rowId name email birthDate country city tier } }',
      limit: 'one',
    },
  },
  aggregate: {
    title: 'eight numbers over the 1,250 rows of a country and tier',
    rows: 1,
    variants: COUNTRY_AND_TIER,
    documents: {
      headgate: `query Aggregate($tier: String!) {
        customers(where: { tier: { eq: $tier } }) {
          aggregate { count countDistinct { city } sum { id } avg { id } min { id } max { id } stddev { id } variance { id } }
        }
      }`,
      postgraphile: `query Aggregate($country: String!, $tier: String!) {
        customers: allCustomers(condition: { country: $country, tier: $tier }) {
          count: totalCount
          aggregate: aggregates {
            countDistinct: distinctCount { city } sum { id: rowId } avg: average { id: rowId } min { id: rowId } max { id: rowId }
            stddev: stddevSample { id: rowId } variance: varianceSample { id: rowId }
          }
        }
      }`,
      limit: 'aggregate',
    },
  },
  groups: {
    title: 'the 1,250 rows of a country and tier by city, three numbers a group',
    rows: 14,
    variants: COUNTRY_AND_TIER,
    documents: {
      headgate: `query Groups($tier: String!) {
        customers(where: { tier: { eq: $tier } }) {
          groupBy(keys: [{ city: true }], first: 100) { keys { city } aggregate { sum { id } min { id } max { id } } }
        }
      }`,
      postgraphile: `query Groups($country: String!, $tier: String!) {
        customers: allCustomers(condition: { country: $country, tier: $tier }) {
          groupBy: groupedAggregates(groupBy: [CITY]) { keys aggregate: sum { id: rowId } min { id: rowId } max { id: rowId } }
        }
      }`,
      limit: 'groups',
    },
  },
};

export interface HttpRequest {
  readonly method: 'POST';
  readonly path: '/graphql' | '/';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** @param tokens a bearer token by country: each its own principal. */
export function requestsOf(query: QueryName, server: ReadServerName, tokens: ReadonlyMap<string, string>): HttpRequest[] {
  const { variants, documents } = queries[query];
  return variants.map((variant) => {
    const { country, ...asked } = variant;
    const variables = server === 'headgate' ? asked : variant;
    return {
      method: 'POST',
      path: server === 'limit' ? '/' : '/graphql',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(server === 'headgate' && { authorization: `Bearer ${tokens.get(country) ?? ''}` }),
      },
      body: JSON.stringify({ query: documents[server], variables: server === 'postgraphile' ? declared(documents[server], { ...variables }) : variables }),
    };
  });
}

function declared(document: string, variables: Readonly<Record<string, string>>): object {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => document.includes(`$${name}:`)));
}
