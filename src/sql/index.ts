export { compileExpression, type Expression, type ExpressionHoles, type ExpressionOptions } from './expression.js';
export { empty, join, param, Parameter, raw, render, renderParameters, sql, word, type Sql, type Words } from './fragment.js';
export { identifier, isName, literal } from './identifier.js';
export { renderLiterals } from './literals.js';
export { prepareParser } from './source.js';
export { type ColumnSource } from './lineage.js';
export { compileSelect, type Select, type SelectOptions, type SelectOutput } from './select.js';
export { hmacKey, hmacSql, type HmacKey } from './hmac-key.js';
export type { ColumnTest, Narrowing, NarrowingValue } from './narrowing.js';
