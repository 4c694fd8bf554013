export { Detokenizer, MOST_TOKENS, type Detokenized, type DetokenizerOptions, type DetokenizeRequest } from './detokenizer.js';
export { EXPORT_FORMATS, type ExportFormat } from './export-format.js';
export { Exporter, type CopySource, type ExporterOptions, type ExportRequest, type ExportFile } from './exporter.js';
