import { param, type Sql } from '../sql/index.js';
import { Slotted } from './binding.js';
import type { Slot } from './condition.js';

/** The value that a request gives, as a parameter of its type. */
export function slotSql(slot: Slot): Sql {
  return param(new Slotted(slot.slot), slot.type);
}
