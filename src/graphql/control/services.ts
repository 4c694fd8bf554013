import type { AuditLog, AuditVerification } from '../../audit/index.js';
import type { LegalHold, ManifestDocument, ManifestKind } from '../../catalog/index.js';
import type { TagProposals } from '../../classification/index.js';
import type { Detokenizer, Erasures, SubjectExports } from '../../delivery/index.js';
import type { ChangeOptions, ChangeResult, Consents, ManifestChanges } from '../../governance/index.js';
import type { Principal } from '../../identity/index.js';
import type { Collectors, LoadNow, LoadOutcome, Quarantine, QuarantineActs, ReplayInput, SourceInference } from '../../ingestion/index.js';
import type { RedriveFilter, RunEntity, RunPriority, Runs, Workers } from '../../lifecycle/index.js';
import type { QualityReports } from '../../quality/index.js';
import type { Sources } from '../../sources/index.js';
import type { Database } from '../../store/index.js';
import type { KeyKeeper } from '../../vault/index.js';
import type { IngestInput } from './types/ingest.type.js';
import type { Pipeline } from './types/pipeline.type.js';

/** What the control plane's resolvers call; `app.ts` puts it together from the rooms below. */
export interface ControlServices {
  readonly database: Database;
  readonly audit: Pick<AuditLog, 'record' | 'recordIn'>;
  readonly runs: Runs;
  readonly reports: QualityReports;
  readonly tagProposals: TagProposals;
  readonly collectors: Pick<Collectors, 'list' | 'run' | 'reset' | 'schedules'>;
  readonly inference: Pick<SourceInference, 'infer'>;
  readonly quarantine: Quarantine;
  readonly quarantineActs: Pick<QuarantineActs, 'discard'>;
  readonly consents: Consents;
  /** All kinds of manifests, in the order in which they depend on each other. */
  readonly kinds: readonly ManifestKind[];
  readonly sources: Pick<Sources, 'states' | 'import'>;
  readonly detokenizer: Pick<Detokenizer, 'detokenize'>;
  readonly keys: Pick<KeyKeeper, 'list' | 'rotate' | 'retire'>;
  verifyAudit(): Promise<AuditVerification>;
  /** What stands for a person in the record. */
  readonly subjectReference: (subject: string) => string;
  readonly manifests: Pick<ManifestChanges, 'accessDiff' | 'approve' | 'requests'>;
  /** Applies, and resolves when this process sees the change; or keeps it for a second person to look at. */
  applyManifests(documents: readonly ManifestDocument[], principal: Principal, options: ChangeOptions): Promise<ChangeResult>;
  /** The queued run, or the one of an earlier request with the same idempotency key. */
  submitIngest(input: IngestInput, principal: Principal): Promise<RunEntity>;
  /** What a load would do; nothing of it is masked. */
  previewIngest(load: LoadNow, principal: Principal, rows: number): Promise<LoadOutcome>;
  /** The queued run. */
  submitReplay(input: ReplayInput, principal: Principal): Promise<RunEntity>;
  submitPipeline(name: string, principal: Principal, priority?: RunPriority): Promise<RunEntity>;
  /** The queued run that does again what a finished one did. */
  retryRun(run: RunEntity, principal: Principal): Promise<RunEntity>;
  /** The queued runs that do again what was given up. */
  redriveRuns(filter: RedriveFilter, principal: Principal): Promise<RunEntity[]>;
  readonly workers: Pick<Workers, 'list'>;
  pipelines(): Promise<readonly Pipeline[]>;
  /** Persons: what is known of one, and forgetting one. */
  readonly subjects: { readonly export: SubjectExports['request']; readonly erase: Erasures['erase']; holds(): Promise<readonly LegalHold[]> };
}
