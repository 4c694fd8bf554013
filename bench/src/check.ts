import { isDeepStrictEqual } from 'node:util';
import { queries, requestsOf, type QueryName } from './queries.ts';
import type { ServerName, ServerProcess } from './server-process.ts';

type Row = Readonly<Record<string, unknown>>;

/** Bytes of a response's body, on average over the variants. */
export type BodySizes = ReadonlyMap<ServerName, number>;

/**
 * Asks each server each variant of a query once, and compares what they say: the same rows, in the same order, with the same
 * values; but for Headgate's masked fields, which must be masked.
 * @throws Error for the first answer that is wrong.
 */
export async function checkAnswers(query: QueryName, servers: readonly ServerProcess[], tokens: ReadonlyMap<string, string>): Promise<BodySizes> {
  const sizes = new Map<ServerName, number>();
  const truth = servers.find(({ name }) => name === 'limit');
  if (!truth) throw new Error('there is nothing to compare with');
  const expected = await answers(truth);
  for (const server of servers) {
    const given = server === truth ? expected : await answers(server);
    given.forEach((rows, i) => compare(server.name, rows, expected[i] ?? [], i));
  }
  return sizes;

  async function answers(server: ServerProcess): Promise<Row[][]> {
    const all: Row[][] = [];
    let bytes = 0;
    for (const { method, path, headers, body } of requestsOf(query, server.name, tokens)) {
      const response = await fetch(server.url + path, { method, headers, body });
      const text = await response.text();
      if (!response.ok) throw new Error(`${server.name} answered ${query} with ${response.status}: ${text.slice(0, 500)}`);
      bytes += Buffer.byteLength(text);
      all.push(rowsOf(server.name, text));
    }
    sizes.set(server.name, bytes / all.length);
    return all;
  }

  function rowsOf(server: ServerName, text: string): Row[] {
    const answer = JSON.parse(text) as { errors?: unknown; data?: { customers?: Customers; customersByKey?: Row | null } };
    if (answer.errors !== undefined) throw new Error(`${server} answered ${query} with errors: ${JSON.stringify(answer.errors).slice(0, 500)}`);
    const { customers, customersByKey } = answer.data ?? {};
    if (customers?.aggregate) return [numbersOf({ ...customers.aggregate, ...('count' in customers && { count: customers.count }) })];
    if (customers?.groupBy) return customers.groupBy.map(groupOf).toSorted((a, b) => (String(a['city']) < String(b['city']) ? -1 : 1));
    return customers?.nodes ?? (customersByKey ? [customersByKey] : []);
  }

  function compare(server: ServerName, given: Row[], wanted: Row[], variant: number): void {
    const rows = given.length + given.reduce((sum, row) => sum + ordersOf(row).length, 0);
    const wrong = (what: string) => new Error(`${server} gave a wrong answer to ${query}, variant ${variant}: ${what}`);
    // In a small shop not every city has somebody of each country and tier.
    const due = query === 'groups' && wanted.length > 0 ? wanted.length : queries[query].rows;
    if (rows !== due) throw wrong(`${rows} rows instead of ${due}`);
    const seen = given.map((row) => normal(row));
    const truly = wanted.map((row) => normal(server === 'headgate' ? masked(row) : row));
    if (server === 'headgate' && (query === 'flat' || query === 'one')) {
      for (const { email } of seen) if (!/^[0-9a-f]{64}$/.test(String(email))) throw wrong('an e-mail that is not hashed');
      for (const row of seen) row['email'] = 'hashed';
    }
    const at = truly.findIndex((row, i) => !isDeepStrictEqual(row, seen[i]));
    if (at >= 0) throw wrong(`row ${at} is ${JSON.stringify(seen[at])} instead of ${JSON.stringify(truly[at])}`);
  }
}

interface Customers {
  readonly nodes?: Row[];
  readonly count?: unknown;
  readonly aggregate?: Row;
  readonly groupBy?: Row[];
}

/** PostGraphile has the keys in a list, and the sums beside them. */
function groupOf(row: Row): Row {
  const { keys, aggregate, ...rest } = row;
  const isNested = 'sum' in (aggregate as Row);
  const numbers = isNested ? numbersOf(aggregate as Row) : numbersOf({ sum: aggregate, ...rest });
  return { city: Array.isArray(keys) ? keys[0] : (keys as Row)['city'], ...numbers };
}

/** Numbers have many spellings: rounded to what all of them say. */
function numbersOf(row: Row): Row {
  const round = (value: unknown): unknown =>
    typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .map(([name, inner]) => [name, round(inner)])
            .toSorted(),
        )
      : Number(Number(value).toPrecision(10));
  return round(row) as Row;
}

function ordersOf(row: Row | undefined): Row[] {
  return ((row?.['orders'] as { nodes: Row[] } | undefined)?.nodes ?? []) as Row[];
}

/** What Headgate shows of a row: the hash is compared by its form, since the key is the installation's. */
function masked(row: Row): Row {
  if (!('email' in row)) return row;
  return { ...row, email: 'hashed', birthDate: `${String(row['birthDate']).slice(0, 4)}-01-01` };
}

/** Instants have many spellings. */
function normal(row: Row): Record<string, unknown> {
  const orders = ordersOf(row).map((order) => ({ ...order, placedAt: Date.parse(String(order['placedAt'])) }));
  return { ...row, ...('orders' in row && { orders: { nodes: orders } }) };
}
