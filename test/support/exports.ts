import { GraphQLObjectType, GraphQLString } from 'graphql';
import type { AuditFact } from '../../src/audit/index.js';
import { loadConfig } from '../../src/config/index.js';
import { Exporter, type ExporterOptions, type ExportFile, type ExportFormat } from '../../src/delivery/index.js';
import { visibleCatalog } from '../../src/governance/index.js';
import { parseExport, type ExportQuery } from '../../src/graphql/index.js';
import { buildDataPlane } from '../../src/graphql/dataplane/types.js';
import type { Principal } from '../../src/identity/index.js';
import type { House } from './house.js';

export interface Exported {
  readonly bytes: Buffer;
  readonly text: string;
  readonly masked: readonly string[];
}

export type Asked = ExportQuery & { readonly format?: ExportFormat };

/** An export as the route would ask for it, without HTTP. Its entries on the record go to `facts`. */
export async function startExport(
  house: House,
  principal: Principal,
  dataset: string,
  { format = 'ndjson', ...query }: Asked = {},
  facts: Pick<AuditFact[], 'push'> = house.facts,
  options: Partial<ExporterOptions> = {},
): Promise<ExportFile> {
  const { catalog, authorizer } = await house.world();
  const { limits } = loadConfig({});
  const pageInfo = new GraphQLObjectType({ name: 'PageInfo', fields: { endCursor: { type: GraphQLString } } });
  const asked = parseExport(buildDataPlane(visibleCatalog(catalog, authorizer.knownSecrets(principal)), pageInfo), dataset, query, limits);
  const exporter = new Exporter({
    sessionsOf: () => house.database.exports,
    audit: { record: async (fact) => void facts.push(fact) },
    timeoutMs: limits.exportTimeoutMs,
    ...options,
  });
  return exporter.start({ ...asked, principal, authorizer, format, operationHash: 'a'.repeat(64), signal: new AbortController().signal });
}

export async function exportOf(...asked: Parameters<typeof startExport>): Promise<Exported> {
  const { body, masked } = await startExport(...asked);
  const bytes = Buffer.concat((await body.toArray()) as Buffer[]);
  return { bytes, text: bytes.toString(), masked };
}

/** The rows of NDJSON. */
export function rowsOf({ text }: Exported): Readonly<Record<string, unknown>>[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the last line has no end');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
