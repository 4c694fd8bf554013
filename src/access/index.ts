export { answerTooLarge } from './answer-bytes.js';
export { Admission, type AdmissionOptions } from './admission.js';
export { AnswerCache, type AnswerCounts, type AnswerStore, type Columns } from './answer-cache.js';
export { compile } from './compile.js';
export type { Fetches } from './binding.js';
export type { CompiledRead } from './compiled-read.js';
export { compileExport, type CompiledExport, type RowShape } from './export-compile.js';
export { asPage, governExport, type ExportSelection, type GovernedExport } from './export-plan.js';
export { bindExport, type BoundExport } from './export-statement.js';
export { countExport, type BoundCount } from './export-count.js';
export { FIELD_OPERATORS, type Condition, type FieldOperator, type JsonPathOperator, type Slot } from './condition.js';
export type { Cipher } from './opening.js';
export { govern, refusalMessage, type DatasetRead, type GovernedPlan, type Refusal } from './govern.js';
export { MEASURES, measureType, type MeasureFunction, type Quantity } from './measure.js';
export { price, SCAN_PRICE } from './price.js';
export { type Through } from './relation.js';
export { boundValues, Reader, type ReadAnswer } from './reader.js';
export { manyByKey } from './selection.js';
export type {
  ConnectionMember,
  ConnectionSelection,
  CursorPosition,
  EdgeMember,
  OrderTerm,
  Page,
  PageInfoMember,
  ReadSelection,
  RowMember,
  RowSelection,
} from './selection.js';
export type { AggregateMember, GroupKey, GroupKeyMember, GroupMember, GroupOrder, Grouping, Having, MeasureMember } from './summary.js';
export { compilePresence, compileTokens } from './token-compile.js';
export { governTokens, type GovernedTokens } from './token-plan.js';
export { TRUNCATIONS, type Truncation } from './truncation.js';
