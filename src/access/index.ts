export { compile, type CompiledRead } from './compile.js';
export { FIELD_OPERATORS, type Condition, type FieldOperator, type Slot } from './condition.js';
export { govern, refusalMessage, type DatasetRead, type GovernedPlan, type Refusal } from './govern.js';
export { price, SCAN_PRICE } from './price.js';
export { Reader, type ReadAnswer } from './reader.js';
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
