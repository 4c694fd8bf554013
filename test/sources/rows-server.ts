import { ApiServer, json, type Asked } from '../support/api-server.js';
import type { House } from '../support/house.js';

export type Row = Readonly<Record<string, unknown>>;

/** Below the path of a table, in front of its rows. */
export type Tables = Readonly<Record<string, readonly Row[]>>;

/** The rows of tables of the store, as an API of somebody else would give them: each as the text that PostgreSQL makes of it. */
export async function rowsOf(house: House, tables: readonly string[]): Promise<Tables> {
  const entries = tables.map(async (table) => {
    const rows = await house.database.query<{ row: string }>(`SELECT (to_jsonb(t) - '_rid' - '_load')::text AS row FROM data.${table} t`);
    return [table, rows.map(({ row }) => JSON.parse(row, keepDigits as never) as Row)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

function keepDigits(_key: string, value: unknown, { source }: { source?: string }): unknown {
  const raw = JSON as unknown as { rawJSON(text: string): unknown };
  return typeof value === 'number' && source !== undefined && source !== String(value) ? raw.rawJSON(source) : value;
}

const text = (value: unknown): string => {
  if (typeof value === 'string') return value;
  return JSON.stringify(value) ?? '';
};

/**
 * An honest API with a table below each path. `GET /customers?country=DE&page=2&per_page=2&sort=-id`, `id=1&id=2`, `GET /customers/1`;
 * `<field>_from` and `_to`, `_above` and `_below`
 * are bounds of numbers and dates.
 */
export async function serveRows(tables: Tables): Promise<ApiServer> {
  return ApiServer.start((asked, response) => {
    const [, table = '', key] = asked.path.split('/').map(decodeURIComponent);
    const rows = tables[table];
    if (!rows) return void response.writeHead(404).end();
    if (key !== undefined) {
      const [first = ''] = Object.keys(rows[0] ?? {});
      const row = rows.find((candidate) => text(candidate[first]) === key);
      return row ? json(response, { item: row }) : void response.writeHead(404).end();
    }
    return json(response, pageOf(rows, asked));
  });
}

export function pageOf(rows: readonly Row[], { query }: Pick<Asked, 'query'>): { readonly data: readonly Row[]; readonly meta: { readonly total: number } } {
  const page = Number(query.get('page') ?? 1);
  const size = Number(query.get('per_page') ?? 100);
  const names = [...new Set(query.keys())].filter((name) => !['page', 'per_page', 'sort'].includes(name));
  const found = rows.filter((row) => names.every((name) => meets(row, name, query.getAll(name))));
  const sort = query.get('sort');
  const by = sort?.replace('-', '') ?? '';
  const sorted = sort === null ? found : found.toSorted((a, b) => (Number(a[by]) - Number(b[by])) * (sort.startsWith('-') ? -1 : 1));
  return { data: sorted.slice((page - 1) * size, page * size), meta: { total: found.length } };
}

function meets(row: Row, name: string, values: readonly string[]): boolean {
  const [, field = '', bound] = /^(.*)_(from|to|above|below)$/.exec(name) ?? [];
  if (bound === undefined || !(field in row)) return values.includes(text(row[name]));
  const [value = ''] = values;
  const cell = row[field];
  if (cell === null) return false;
  const order = typeof cell === 'number' ? cell - Number(value) : text(cell) < value ? -1 : text(cell) > value ? 1 : 0;
  return { from: order >= 0, to: order <= 0, above: order > 0, below: order < 0 }[bound] ?? false;
}
