import type { ScalarType } from '../catalog/index.js';

/** How values of a type look of which it is known that every API reads them alike. */
const PLAIN: Readonly<Partial<Record<ScalarType, RegExp>>> = {
  integer: /^(0|-?[1-9]\d*)$/,
  bigint: /^(0|-?[1-9]\d*)$/,
  decimal: /^-?\d+(\.\d+)?$/,
  float: /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i,
  boolean: /^(true|false)$/,
  date: /^\d{4}-\d\d-\d\d$/,
  time: /^\d\d:\d\d:\d\d(\.\d{1,6})?$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
};

/** More digits are rounded here, and not by everybody. */
const MOMENT = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)(Z|[+-]\d\d(?::\d\d)?)$/;

/** A value as an API is asked for it; undefined for one that it may read otherwise than we do, and so is not asked for. */
export function wireText(type: ScalarType, value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return undefined;
  const text = String(value);
  if (type === 'text') return text.isWellFormed() && !text.includes('\0') ? text : undefined;
  if (type === 'timestamp') {
    const [, day, time, zone = ''] = MOMENT.exec(text) ?? [];
    if (day === undefined) return undefined;
    return `${day}T${time}${/^[+-]00(:00)?$/.test(zone) ? 'Z' : zone.length === 3 ? `${zone}:00` : zone}`;
  }
  return PLAIN[type]?.test(text) ? text : undefined;
}
