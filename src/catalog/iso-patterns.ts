/**
 * How ISO 8601 dates and times look, for PostgreSQL and for JavaScript. PostgreSQL itself reads much more (`now`, `tomorrow`, `01/02/03`); what it
 * would guess must not become data.
 */
export const ISO_PATTERNS = {
  date: '^\\d{4}-\\d\\d-\\d\\d$',
  time: '^\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,9})?)?$',
  timestamp: '^\\d{4}-\\d\\d-\\d\\d([T ]\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,9})?)?(Z|[+-]\\d\\d(:?\\d\\d)?)?)?$',
} as const;
