import { tableNameText, type SourceSpec } from '../../../catalog/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import type { SourceSession } from '../../../sources/index.js';
import type { CollectJob } from '../collect-job.js';
import type { CollectorType } from '../collector-type.js';
import type { PostgresPart } from '../parts/postgres.js';
import { followChanges } from './capture/follow-changes.js';
import { copyAll } from './full-copy.js';
import { copyNew } from './new-rows.js';
import { collectedFields, tableOfPart, type CollectedSources, type RemoteTableFacts } from './remote-rows.js';

/** Rows of another PostgreSQL: all of them, those that are new, or each change. */
export function postgresCollector(sources: CollectedSources): CollectorType {
  return {
    async collect(job) {
      const { collector, source } = job;
      const part = collector.postgres;
      if (!part) return;
      const facts = await factsOf(sources, source, part);
      if (part.capture) return followChanges(sources, job, part, facts);
      const session = await sources.open(source, job.signal);
      try {
        await pull(job, session, part, facts);
      } finally {
        await session.close();
      }
    },
  };
}

async function pull(job: CollectJob, session: SourceSession, part: PostgresPart, facts: RemoteTableFacts): Promise<void> {
  const fields = collectedFields(part, job.dataset, facts);
  if (part.since) return copyNew(job, session, part, fields, facts);
  await copyAll(job, { session, part, fields, version: facts.version, mode: job.collector.mode ?? 'append', position: {} });
}

/** @throws HeadgateError CONTRACT_VIOLATION for a table that is not there */
async function factsOf(sources: CollectedSources, source: SourceSpec, part: PostgresPart): Promise<RemoteTableFacts> {
  return sources.borrow(source, async (open) => {
    const { version } = await open.facts();
    const columns = await open.columns(tableOfPart(part));
    if (columns) return { source: source.name, version, columns };
    const message = `There is no table or view ${tableNameText(part.table)} at the source ${source.name}, or its user may not use the schema.`;
    throw new HeadgateError('CONTRACT_VIOLATION', message, { source: source.name });
  });
}
