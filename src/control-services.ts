import type { AuditVerification } from './audit/index.js';
import type { ManifestKind } from './catalog/index.js';
import { TagProposals } from './classification/index.js';
import type { Subjects } from './delivery/index.js';
import { Consents, type ManifestChanges } from './governance/index.js';
import type { ControlServices } from './graphql/index.js';
import type { Quarantine, QuarantineActs } from './ingestion/index.js';
import { QualityReports } from './quality/index.js';
import type { Audit } from './record.js';
import type { Sources } from './sources/index.js';
import type { Database } from './store/index.js';
import type { KeyKeeper } from './vault/index.js';
import type { Work } from './work.js';

/** What the control plane is made of. */
interface Services extends Work {
  readonly kinds: readonly ManifestKind[];
  readonly database: Database;
  readonly audit: Audit;
  readonly manifests: ManifestChanges;
  readonly sources: Sources;
  readonly keys: KeyKeeper;
  readonly verify: () => Promise<AuditVerification>;
  readonly quarantine: Quarantine;
  readonly quarantineActs: QuarantineActs;
  readonly subjects: Subjects;
  readonly referenceOf: (subject: string) => string;
}

/** What the resolvers of the control plane may do, but for what is read through the masks. */
export function controlServices(services: Services): Omit<ControlServices, 'detokenizer'> {
  const { database, audit, kinds, manifests, sources, keys, verify, quarantine, quarantineActs, subjects, referenceOf } = services;
  const { runs, ingestion, collectors, pipelines, inference, workers, retryRun, redriveRuns } = services;
  return {
    database,
    audit,
    runs,
    kinds,
    sources,
    keys,
    collectors,
    inference,
    reports: new QualityReports({ database, audit }),
    tagProposals: new TagProposals({ database, audit, changes: manifests }),
    quarantine,
    quarantineActs,
    consents: new Consents({ database, audit, referenceOf }),
    verifyAudit: verify,
    subjectReference: referenceOf,
    manifests,
    applyManifests: (documents, principal, options) => manifests.apply(documents, principal, options),
    submitIngest: (input, principal) => ingestion.submit(input, principal),
    previewIngest: (load, principal, rows) => ingestion.preview(load, principal, rows),
    submitReplay: (input, principal) => ingestion.submitReplay(input, principal),
    submitPipeline: (name, principal, priority) => pipelines.run(name, principal, priority),
    retryRun,
    redriveRuns,
    workers,
    subjects: { export: (...asked) => subjects.exports.request(...asked), erase: subjects.erase, holds: subjects.holds },
    pipelines: async () => {
      const [found, schedules] = await Promise.all([pipelines.list(), pipelines.schedules()]);
      return found.map(({ inputs, output, ...pipeline }) => {
        const schedule = schedules.get(pipeline.name);
        return { ...pipeline, inputNames: inputs, outputName: output, ...(schedule && { schedule, nextRunAt: schedule.nextAt }) };
      });
    },
  };
}
