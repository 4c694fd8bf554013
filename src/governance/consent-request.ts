import { HeadgateError } from '../kernel/index.js';

/** A consent as it is to be recorded. */
export interface ConsentRequest {
  /** The text of the value in the datasets' subject fields: `42`, or a uuid in lower case. */
  readonly subject: string;
  readonly purpose: string;
  /** Now, when absent. */
  readonly from?: Date;
  /** Until it is withdrawn, when absent. */
  readonly until?: Date;
  /** Where the evidence is. */
  readonly source?: string;
}

/** Characters; in an index, where the longest of them must fit beside the purpose, one can have four bytes. */
const LONGEST_SUBJECT = 500;
const LONGEST_SOURCE = 1_000;
const YEAR_MS = 366 * 86_400_000;
/** Nobody consented earlier, begins later than this many years from now, or consents for longer. */
const EARLIEST = Date.UTC(1900);
const BEGINS_WITHIN_YEARS = 1;
const LASTS_YEARS = 100;

/**
 * What can be known wrong of it without looking at anything.
 * @param at where it stands in the request, for `path`
 * @throws HeadgateError BAD_USER_INPUT with `path`
 */
export function checkConsent({ subject, purpose, from, until, source }: ConsentRequest, at: string, now = Date.now()): void {
  const fail = (field: string, expected: string): never => {
    const path = at === '' ? field : `${at}.${field}`;
    throw new HeadgateError('BAD_USER_INPUT', `${path}: expected ${expected}.`, { path });
  };
  if (subject.trim() === '' || subject.length > LONGEST_SUBJECT || subject.includes('\0') || !subject.isWellFormed())
    fail('subject', `who the person is, as the datasets' subject fields have it, 1 to ${LONGEST_SUBJECT} characters`);
  if (purpose === '' || purpose.length > 100) fail('purpose', 'the name of a purpose');
  if (source !== undefined && (source.length > LONGEST_SOURCE || source.includes('\0')))
    fail('source', `where the evidence of the consent is, at most ${LONGEST_SOURCE} characters`);
  if (from && !(from.getTime() >= EARLIEST && from.getTime() <= now + BEGINS_WITHIN_YEARS * YEAR_MS)) fail('from', 'a time between 1900 and a year from now');
  if (until && !(until.getTime() > (from?.getTime() ?? now))) fail('until', 'a time after "from", which is now when it is left out');
  if (until && until.getTime() > now + LASTS_YEARS * YEAR_MS)
    fail('until', `a time within ${LASTS_YEARS} years; leave it out for a consent that holds until it is withdrawn`);
}
