import { isDeepStrictEqual } from 'node:util';
import type { Contestant } from './contest.ts';
import { queries, requestsOf, type QueryName } from './queries.ts';

type Row = Readonly<Record<string, unknown>>;

/**
 * Asks each contestant each variant of a query once, and compares what they say: the same rows, in the same order, with the same
 * values; but for masked fields, which must be masked.
 * @param truth the contestant whose rows are right; it must see them plain
 * @returns bytes of a response's body, on average over the variants
 * @throws Error for the first answer that is wrong.
 */
export async function checkAnswers<Name extends string>(
  query: QueryName,
  contestants: Readonly<Record<Name, Contestant>>,
  truth: NoInfer<Name>,
): Promise<Record<Name, number>> {
  const sizes: Partial<Record<Name, number>> = {};
  const expected = await answers(truth);
  for (const name of Object.keys(contestants) as Name[]) {
    const given = name === truth ? expected : await answers(name);
    given.forEach((rows, i) => compare(name, rows, expected[i] ?? [], i));
  }
  return sizes as Record<Name, number>;

  async function answers(name: Name): Promise<Row[][]> {
    const all: Row[][] = [];
    let bytes = 0;
    const { server, tokens } = contestants[name];
    for (const { method, path, headers, body } of requestsOf(query, server.name, tokens)) {
      const response = await fetch(server.url + path, { method, headers, body });
      const text = await response.text();
      if (!response.ok) throw new Error(`${name} answered ${query} with ${response.status}: ${text.slice(0, 500)}`);
      bytes += Buffer.byteLength(text);
      all.push(rowsOf(name, text));
    }
    sizes[name] = bytes / all.length;
    return all;
  }

  function rowsOf(name: Name, text: string): Row[] {
    const answer = JSON.parse(text) as { errors?: unknown; data?: { customers?: Customers; customersByKey?: Row | null } };
    if (answer.errors !== undefined) throw new Error(`${name} answered ${query} with errors: ${JSON.stringify(answer.errors).slice(0, 500)}`);
    const { customers, customersByKey } = answer.data ?? {};
    if (customers?.aggregate) return [numbersOf({ ...customers.aggregate, ...('count' in customers && { count: customers.count }) })];
    if (customers?.groupBy) return customers.groupBy.map(groupOf).toSorted((a, b) => (String(a['city']) < String(b['city']) ? -1 : 1));
    return customers?.nodes ?? (customersByKey ? [customersByKey] : []);
  }

  function compare(name: Name, given: Row[], wanted: Row[], variant: number): void {
    const rows = given.length + given.reduce((sum, row) => sum + ordersOf(row).length, 0);
    const wrong = (what: string) => new Error(`${name} gave a wrong answer to ${query}, variant ${variant}: ${what}`);
    // In a small shop not every city has somebody of each country and tier.
    const due = query === 'groups' && wanted.length > 0 ? wanted.length : queries[query].rows;
    if (rows !== due) throw wrong(`${rows} rows instead of ${due}`);
    const isMasked = contestants[name].sees === 'masked';
    const seen = given.map((row) => normal(row));
    const truly = wanted.map((row) => normal(isMasked ? masked(row) : row));
    if (isMasked && (query === 'flat' || query === 'one')) {
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
