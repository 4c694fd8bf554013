export { empty, join, param, Parameter, raw, render, renderParameters, sql, type Sql } from './fragment.js';
export { identifier, isName, literal } from './identifier.js';
