import { join } from 'node:path';
import { AuditFiles, AuditLog, CheckpointPoster, Sealer, verifyAudit, type AuditFact, type AuditVerification } from './audit/index.js';
import type { Config } from './config/index.js';
import type { Metrics } from './http/index.js';
import { Turns, type Closing, type Log } from './kernel/index.js';
import type { Outbound } from './outbound/index.js';
import type { Database } from './store/index.js';
import type { MasterKeys } from './vault/index.js';

/** What rooms write their acts with. */
export type Audit = Pick<AuditLog, 'record' | 'recordIn'>;

/** Verifications that may wait for the one under way. */
const VERIFICATIONS_WAITING = 10;

export interface RecordRoom {
  readonly config: Config;
  readonly log: Log;
  readonly database: Database;
  readonly masterKeys: MasterKeys;
  readonly metrics: Metrics;
  readonly outbound: Outbound;
  readonly closing: Closing;
}

/** The audit: what writes entries, what seals them, and their proof. */
export function openRecord({ config, log, database, masterKeys, metrics, outbound, closing }: RecordRoom) {
  const checkpointsFile = join(config.home, 'audit-checkpoints.ndjson');
  const { auditCheckpoints } = config;
  const poster =
    auditCheckpoints && new CheckpointPoster({ database, log, outbound, ...auditCheckpoints, onAttempt: (isTaken) => metrics.checkpointPosted(isTaken) });
  poster?.start();
  // After the sealer has made its last one.
  closing.add('checkpoints', () => poster?.close());
  const sealer = new Sealer({ database, log, key: masterKeys, checkpointsFile, onCheckpoint: () => poster?.wake() });
  sealer.start();
  closing.add('sealer', () => sealer.stop());
  const entries = new AuditLog({ database, log, mode: config.auditMode });
  // Before the sealer, so that what is written last gets its place as well.
  closing.add('audit', () => entries.close());
  const audit: Audit = {
    record: async (fact) => {
      metrics.count(fact);
      await entries.record(fact);
    },
    recordIn: async (tx, ...facts) => {
      metrics.count(...facts);
      await entries.recordIn(tx, ...facts);
    },
  };
  // Each takes three sessions of the pool, and several that wait for each other's would wait for ever.
  const oneByOne = new Turns({ most: VERIFICATIONS_WAITING, what: 'verifications of the audit' });
  return {
    audit,
    /** The values of an entry's row, for a statement that puts acts on the record beside what it does. */
    pendingFor: (facts: readonly AuditFact[]) => {
      metrics.count(...facts);
      return entries.valuesFor(facts);
    },
    /** @param file a checkpoints file that was kept elsewhere; ours when absent. */
    verify: (file = checkpointsFile, onProgress?: (entries: number) => void): Promise<AuditVerification> =>
      oneByOne.run(async () => {
        // So that it speaks of the last second too.
        await sealer.sealNow();
        return verifyAudit({ database, key: await masterKeys.verifying(), checkpointsFile: file, ...(onProgress && { onProgress }) });
      }),
    files: new AuditFiles({ database, audit, sign: () => sealer.signNow(), keys: () => masterKeys.verifying() }),
  };
}
