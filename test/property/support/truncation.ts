import type { ScalarType } from '../../../src/catalog/index.js';

export type Unit = 'HOUR' | 'DAY' | 'WEEK' | 'MONTH' | 'QUARTER' | 'YEAR';

const DAY_MS = 86_400_000;

/** The beginning of the period in UTC, of a date or moment that is not infinite; a date has no hours. */
export function cutTo(unit: Unit, type: ScalarType, cell: string): string {
  const midnight = type === 'date' ? '' : 'T00:00:00.000000';
  if (unit === 'HOUR') return type === 'date' ? cell : `${cell.slice(0, 14)}00:00.000000`;
  return `${firstDay(unit, cell.slice(0, 10))}${midnight}`;
}

function firstDay(unit: Exclude<Unit, 'HOUR'>, day: string): string {
  const month = Number(day.slice(5, 7));
  switch (unit) {
    case 'DAY':
      return day;
    case 'WEEK': {
      const date = new Date(`${day}T00:00:00Z`);
      return new Date(date.getTime() - ((date.getUTCDay() + 6) % 7) * DAY_MS).toISOString().slice(0, 10);
    }
    case 'MONTH':
      return `${day.slice(0, 7)}-01`;
    case 'QUARTER':
      return `${day.slice(0, 5)}${String(month - ((month - 1) % 3)).padStart(2, '0')}-01`;
    case 'YEAR':
      return `${day.slice(0, 5)}01-01`;
  }
}
