export { compile, type CompiledRead } from './compile.js';
export { compileExport, type CompiledExport, type RowShape } from './export-compile.js';
export { asPage, governExport, type ExportSelection, type GovernedExport } from './export-plan.js';
export { bindExport, type BoundExport } from './export-statement.js';
export { FIELD_OPERATORS, type Condition, type FieldOperator, type Slot } from './condition.js';
export { govern, refusalMessage, type DatasetRead, type GovernedPlan, type Refusal } from './govern.js';
export { price } from './price.js';
export { Reader, type ReadAnswer } from './reader.js';
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
