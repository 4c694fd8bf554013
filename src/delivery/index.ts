export { Detokenizer, MOST_TOKENS, type Detokenized, type DetokenizerOptions, type DetokenizeRequest } from './detokenizer.js';
export { EXPORT_FORMATS, type ExportFormat } from './export-format.js';
export { Exporter, type CopySource, type ExporterOptions, type ExportRequest, type ExportFile } from './exporter.js';
export type { EraseHook } from './subjects/erase-hook.js';
export type { Erasures } from './subjects/erasures.js';
export type { ErasureReceipt } from './subjects/receipt.js';
export { openSubjects, type Subjects, type SubjectsOptions } from './subjects/open-subjects.js';
export { SUBJECT_EXPORTS, type SubjectDownload, type SubjectExport, type SubjectExportRequest, type SubjectExports } from './subjects/subject-exports.js';
