export { compile, type CompiledRead } from './compile.js';
export { FIELD_OPERATORS, type Condition, type FieldOperator, type Slot } from './condition.js';
export { govern, refusalMessage, type DatasetRead, type GovernedPlan, type Refusal } from './govern.js';
export { price } from './price.js';
export { boundValues, Reader, type ReadAnswer } from './reader.js';
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
