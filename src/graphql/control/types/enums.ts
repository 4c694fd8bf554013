import { registerEnumType } from 'type-graphql';
import { SOURCE_TYPES } from '../../../catalog/index.js';

/** GraphQL enums are objects at run time; TypeScript's unions are not. */
function enumOf<const Names extends readonly string[]>(names: Names): { readonly [Name in Names[number]]: Name } {
  return Object.fromEntries(names.map((name) => [name, name])) as { readonly [Name in Names[number]]: Name };
}

export const RunKindEnum = enumOf(['INGESTION', 'PIPELINE', 'QUALITY']);
export const RunStatusEnum = enumOf(['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED']);
export const RunPriorityEnum = enumOf(['LOW', 'NORMAL', 'HIGH']);
export const CatchUpEnum = enumOf(['skip', 'once', 'all']);
export const LifecycleStageEnum = enumOf(['INGESTION', 'VALIDATION', 'PROCESSING', 'STORAGE', 'ACCESS', 'ARCHIVAL']);
export const DecisionEnum = enumOf(['ALLOWED', 'DENIED', 'FAILED']);
export const VisibilityEnum = enumOf(['listed', 'secret']);
export const SourceTypeEnum = enumOf([...SOURCE_TYPES]);
export const SourceStatusEnum = enumOf(['OK', 'UNREACHABLE', 'OPEN', 'UNASKED']);
export const LoadModeEnum = enumOf(['append', 'replace', 'merge']);
export const QuarantineStateEnum = enumOf(['OPEN', 'DISCARDED']);
export const FileFormatEnum = enumOf(['csv', 'tsv', 'ndjson', 'json', 'parquet']);
export const QualityDimensionEnum = enumOf(['accuracy', 'completeness', 'consistency', 'timeliness']);
export const SeverityEnum = enumOf(['warn', 'error']);
export const CheckStatusEnum = enumOf(['PASSED', 'WARNED', 'FAILED']);
export const FieldAccessEnum = enumOf(['PLAIN', 'MASKED', 'FORBIDDEN']);
export const MasterKeyStateEnum = enumOf(['PENDING', 'ACTIVE', 'REPLACED', 'RETIRED']);
export const ChangeEnum = enumOf(['create', 'update', 'remove', 'unchanged']);
export const AccessMovementEnum = enumOf(['GAINED', 'LOST', 'OPENED', 'CLOSED', 'CHANGED']);
export const ChangeStatusEnum = enumOf(['PENDING', 'APPROVED', 'REFUSED', 'WITHDRAWN']);
export const TagProposalStatusEnum = enumOf(['OPEN', 'ACCEPTED', 'REFUSED']);

registerEnumType(RunKindEnum, { name: 'RunKind', description: 'What a run does.' });
registerEnumType(RunStatusEnum, { name: 'RunStatus', description: 'Where a run is; the last three are final.' });
registerEnumType(RunPriorityEnum, { name: 'RunPriority', description: 'Of the runs that wait for a worker the highest is taken first.' });
registerEnumType(CatchUpEnum, {
  name: 'CatchUp',
  description: 'Of times that went by while nothing ran: skip leaves them out, once runs once for all of them, all runs for each.',
});
registerEnumType(LifecycleStageEnum, { name: 'LifecycleStage', description: "Where a dataset's newest version is on its way." });
registerEnumType(DecisionEnum, { name: 'AuditDecision', description: 'How an act ended: done, refused by governance, or failed.' });
registerEnumType(VisibilityEnum, { name: 'Visibility', description: 'secret: without a grant on it, it does not exist.' });
registerEnumType(SourceTypeEnum, { name: 'SourceType' });
registerEnumType(SourceStatusEnum, {
  name: 'SourceStatus',
  description:
    'OK: it answers. UNREACHABLE: it does not. OPEN: it did not several times, and is left alone for some seconds. UNASKED: it is asked only when its rows are collected.',
});
registerEnumType(LoadModeEnum, { name: 'LoadMode', description: 'append adds rows, replace makes them the whole dataset, merge inserts and updates by key.' });
registerEnumType(QuarantineStateEnum, { name: 'QuarantineState', description: 'DISCARDED: nobody wants the row, and its values are gone.' });
registerEnumType(FileFormatEnum, { name: 'FileFormat' });
registerEnumType(QualityDimensionEnum, { name: 'QualityDimension' });
registerEnumType(SeverityEnum, { name: 'Severity', description: 'warn is reported; error keeps the row out.' });
registerEnumType(CheckStatusEnum, { name: 'CheckStatus' });
registerEnumType(FieldAccessEnum, {
  name: 'FieldAccess',
  description: 'PLAIN: every visible row as stored. MASKED: some cell is masked or null. FORBIDDEN: no cell can be seen.',
});
registerEnumType(MasterKeyStateEnum, {
  name: 'MasterKeyState',
  description:
    'PENDING: held, and never active yet. ACTIVE: what is made now is made with it. REPLACED: good for what was made with it. RETIRED: good for nothing any more.',
});
registerEnumType(ChangeEnum, { name: 'ManifestChangeKind' });
registerEnumType(AccessMovementEnum, {
  name: 'AccessMovement',
  description:
    'GAINED: nothing was seen, and something will be; LOST the other way round. OPENED: no cell will be more closed; CLOSED: none more open; CHANGED: neither can be said.',
});
registerEnumType(ChangeStatusEnum, { name: 'ChangeStatus', description: 'Where a change stands that needs a second person.' });
registerEnumType(TagProposalStatusEnum, { name: 'TagProposalStatus', description: 'OPEN: no steward has decided yet.' });
