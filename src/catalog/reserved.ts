/**
 * Names of the control plane and of what all datasets share, present ones and planned ones, so that no dataset made
 * today stands in the way of a later version. schema/reserved.txt is this list, for those who choose names.
 */
const words = (text: string): readonly string[] => text.trim().split(/\s+/);

export const RESERVED_ROOTS: ReadonlySet<string> = new Set(
  words(`
  me datasets dataset sources source pipelines pipeline runs run qualityReports qualityReport auditEntries auditEntry auditVerification grants grant
  access consents consent quarantine lineage purposes purpose apiKeys apiKey archives archive backups backup manifests manifest maintenanceReviews
  storageReport node nodes applyManifest ingest runPipeline cancelRun retryRun redriveRuns workers checkQuality replayQuarantine recordConsent recordConsents
  withdrawConsent exportSubject eraseSubject restoreArchive createBackup restoreBackup createApiKey revokeApiKey revokeToken deleteDataset deleteGrant
  deletePipeline deletePurpose deleteSource importSource inferDataset detokenize deleteChangePolicy deleteLegalHold legalHolds legalHold accessDiff whoCanSee
  whoSaw grantUses processingActivities changeRequests approveChange refuseChange tagProposals tagProposal acceptTagProposal refuseTagProposal
  classifications classification deleteClassification runProgress datasetChanged auditAppended and or not masterKeys rotateKeys retireMasterKey
  collectors collector deleteCollector runCollector resetCollector previewIngest discardQuarantine patchQuarantine redriveRuns workers schedules
  `),
);

export const RESERVED_TYPES: ReadonlySet<string> = new Set(
  words(`
  Query Mutation Subscription Boolean Float ID Int String BigInt Date DateTime Decimal JSON RawJson Time UUID Void FieldSet PageInfo SortDirection
  DateTruncation Node BigIntFilter BooleanFilter DateFilter DateTimeFilter DecimalFilter EncryptedStringFilter FloatFilter IDFilter IntFilter
  JSONFilter JSONPathFilter StringFilter TimeFilter UUIDFilter BigIntListFilter BooleanListFilter DateListFilter DateTimeListFilter DecimalListFilter
  FloatListFilter IntListFilter JSONListFilter StringListFilter TimeListFilter UUIDListFilter AccessChange AccessDecision AccessEffect AccessMovement
  ActivityDataset Anonymisation ApiKey ApiKeyConnection ApiKeyEdge ApiKeyInput Archive ArchiveConnection ArchiveEdge AuditCheckpoint AuditDecision
  AuditEntry AuditEntryConnection AuditEntryEdge AuditProblem AuditVerification AuditWhere Backup BackupConnection BackupEdge CheckStatus
  ColumnLineage Consent ConsentConnection ConsentEdge ConsentInput ChangeRequest ChangeStatus CreatedApiKey Dataset DatasetChange DatasetConnection
  DatasetContract DatasetEdge DatasetField DatasetProfile DatasetRelation DatasetRule DetokenizedValue DetokenizeInput ErasureReceipt Field Exposure
  FieldAccess FieldDecision FieldProfile FieldRule FieldType FileFormat Freshness Grant GrantConnection GrantEdge GrantUse IngestInput KeyDependents
  KeyRotation LifecycleStage LineageDirection LineageEdge LineageGraph ErasedDataset ErasedOther LegalHold LineageNode LoadMode MaintenanceReview
  MaintenanceReviewConnection MaintenanceReviewEdge ManifestChange ManifestChangeKind ManifestName MasterKey MasterKeyState ManifestProblem
  ManifestResult ManifestText Pipeline PipelineConnection PipelineEdge PipelineStep Principal PrincipalInput ProcessingActivity Purpose QualityCheck
  QualityDimension QualityReport QualityReportConnection QualityReportEdge QuarantineReason QuarantinedRow QuarantinedRowConnection QuarantinedRowEdge
  Run RunConnection RunEdge RunError RunKind RunPriority RunProgress RunStatus RunStep Schedule CatchUp Worker Severity Sight Source SourceImport InferInput InferredDataset SourceStatus SourceType StorageReport
  AggregateDecision AggregateOnly SubjectExport TagProposal TagProposalConnection TagProposalEdge TagProposalStatus Visibility SubjectExportDataset
  Collector CollectorPartition CollectorSchedule Worker Priority CatchUp IngestPreview PreviewReason PreviewRow ReadAs ReadFormat DriftChange QuarantineCount QuarantineState RunPriority
  `),
);

/** The text of schema/reserved.txt. */
export function reservedText(): string {
  const section = (title: string, names: ReadonlySet<string>) => `# ${title}\n${[...names].toSorted().join('\n')}\n`;
  return `${section('Root fields: no dataset can have one of these as the camelCase of its name, or of its name with ByKey or Changed behind it.', RESERVED_ROOTS)}\n${section('Types: neither a typeName, nor a typeName with one of the endings of generated types behind it.', RESERVED_TYPES)}`;
}
