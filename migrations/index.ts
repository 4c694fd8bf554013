import { ControlSchema1700000000001 } from './0001-control-schema.js';
import { DataChanges1700000000002 } from './0002-data-changes.js';
import { Sources1700000000003 } from './0003-sources.js';
import { DataMarks1700000000004 } from './0004-data-marks.js';
import { AuditMonths1700000000005 } from './0005-audit-months.js';
import { MasterKeys1700000000006 } from './0006-master-keys.js';
import { TokenVault1700000000007 } from './0007-token-vault.js';
import { Classification1700000000008 } from './0008-classification.js';
import { Consents1700000000009 } from './0009-consents.js';
import { Subjects1700000000010 } from './0010-subjects.js';
import { VaultKeys1700000000011 } from './0011-vault-keys.js';
import { Review1700000000012 } from './0012-review.js';
import { PinnedKeys1700000000013 } from './0013-pinned-keys.js';
import { Collectors1700000000014 } from './0014-collectors.js';
import { Quarantine1700000000015 } from './0015-quarantine.js';
import { Jobs1700000000016 } from './0016-jobs.js';
import { Streams1700000000017 } from './0017-streams.js';
import { Inbox1700000000018 } from './0018-inbox.js';
import { CollectedFiles1700000000020 } from './0020-collected-files.js';
import { QuarantineContracts1700000000023 } from './0023-quarantine-contracts.js';
import { SlotLags1700000000024 } from './0024-slot-lags.js';

/** In order; append only: a migration that was released is never changed. */
export const migrations = [
  ControlSchema1700000000001,
  DataChanges1700000000002,
  Sources1700000000003,
  DataMarks1700000000004,
  AuditMonths1700000000005,
  MasterKeys1700000000006,
  TokenVault1700000000007,
  Classification1700000000008,
  Consents1700000000009,
  Subjects1700000000010,
  VaultKeys1700000000011,
  Review1700000000012,
  PinnedKeys1700000000013,
  Collectors1700000000014,
  Quarantine1700000000015,
  Jobs1700000000016,
  Streams1700000000017,
  Inbox1700000000018,
  CollectedFiles1700000000020,
  QuarantineContracts1700000000023,
  SlotLags1700000000024,
] as const;
