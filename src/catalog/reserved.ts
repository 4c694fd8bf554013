/**
 * Names of the control plane and of what all datasets share, present ones and planned ones, so that no dataset made
 * today stands in the way of a later version. schema/reserved.txt is this list, for those who choose names.
 */
const words = (text: string): readonly string[] => text.trim().split(/\s+/);

export const RESERVED_ROOTS: ReadonlySet<string> = new Set(
  words(`
  me datasets dataset sources source pipelines pipeline runs run qualityReports qualityReport auditEntries auditEntry auditVerification
  grants grant access consents consent quarantine lineage purposes purpose apiKeys apiKey tokens archives archive backups backup reviews
  review storage profile profiles manifest manifests catalog explain node nodes health version
  applyManifest ingest runPipeline cancelRun retryRun checkQuality replayQuarantine recordConsent withdrawConsent exportSubject eraseSubject
  restoreArchive createBackup restoreBackup createApiKey revokeApiKey revokeToken deleteDataset deleteGrant deletePipeline deletePurpose
  deleteSource detokenize
  runProgress datasetChanged auditAppended
  and or not
  `),
);

export const RESERVED_TYPES: ReadonlySet<string> = new Set(
  words(`
  Query Mutation Subscription
  Boolean Float ID Int String BigInt Date DateTime Decimal JSON RawJson Time UUID Void Any Entity Service FieldSet Import Purpose Policy Scope
  PageInfo SortDirection DateTruncation Node
  BigIntFilter BooleanFilter DateFilter DateTimeFilter DecimalFilter FloatFilter IDFilter IntFilter JSONFilter JSONPathFilter StringFilter
  TimeFilter UUIDFilter BigIntListFilter BooleanListFilter DateListFilter DateTimeListFilter DecimalListFilter FloatListFilter IntListFilter
  JSONListFilter StringListFilter TimeListFilter UUIDListFilter
  AccessDecision AccessEffect AccessField ApiKey ApiKeyConnection ApiKeyEdge ApiKeyInput Archive ArchiveConnection ArchiveEdge AuditCheckpoint
  AuditDecision AuditEntry AuditEntryConnection AuditEntryEdge AuditVerification AuditWhere Backup BackupConnection BackupEdge Claim Column
  ColumnLineage Consent ConsentConnection ConsentEdge ConsentInput Contract ContractField ContractVersion Dataset DatasetChange
  DatasetConnection DatasetContract DatasetEdge DatasetField DatasetRelation DatasetRule DatasetStats ErasureReceipt Field FieldAccess
  FieldProfile FieldRule FieldType Freshness Grant GrantConnection GrantEdge IngestFormat IngestInput IngestMode LifecycleStage LineageDirection
  LineageEdge LineageGraph LineageNode ManifestChange ManifestChangeKind ManifestProblem ManifestResult ManifestState Mask MaskKind Pipeline
  PipelineConnection PipelineEdge PipelineStep PipelineStepKind Principal PrincipalInput Profile PurposeConnection PurposeEdge QualityCheck
  QualityCheckStatus QualityDimension QualityReport QualityReportConnection QualityReportEdge QuarantineReason QuarantinedRow
  QuarantinedRowConnection QuarantinedRowEdge Relation RelationKey Retention Review ReviewConnection ReviewEdge Role Right Rule Run
  RunConnection RunEdge RunError RunKind RunProgress RunStatus RunStep Schedule Severity Source SourceConnection SourceEdge SourceType Step
  Storage StorageReport SubjectExport Tag Token Visibility
  `),
);

/** The text of schema/reserved.txt. */
export function reservedText(): string {
  const section = (title: string, names: ReadonlySet<string>) => `# ${title}\n${[...names].toSorted().join('\n')}\n`;
  return `${section('Root fields: no dataset can have one of these as the camelCase of its name, or of its name with ByKey behind it.', RESERVED_ROOTS)}\n${section('Types: neither a typeName, nor a typeName with one of the endings of generated types behind it.', RESERVED_TYPES)}`;
}
