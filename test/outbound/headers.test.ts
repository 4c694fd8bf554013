import { expect, test } from 'vitest';
import { linkNext, retryAfter } from '../../src/outbound/index.js';

const HOUR_MS = 3_600_000;

test.each<[string | undefined, number | undefined]>([
  [undefined, undefined],
  ['', undefined],
  ['0', 0],
  ['3', 3_000],
  [' 120 ', 120_000],
  ['99999999999', HOUR_MS],
  ['-3', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['2026-01-02', undefined],
  ['Fri, 02 Jan 2026 03:04:15 GMT', 10_000],
  ['Friday, 02-Jan-26 03:04:15 GMT', 10_000],
  ['Fri, 02 Jan 2026 03:04:00 GMT', 0],
  ['Sat, 02 Jan 2027 03:04:15 GMT', HOUR_MS],
  ['Foo, nonsense', undefined],
])('Retry-After: %s is %s milliseconds', (value, expected) => {
  expect(retryAfter(value === undefined ? {} : { 'retry-after': value }, new Date('2026-01-02T03:04:05Z'))).toBe(expected);
});

test.each<[string | string[] | undefined, string | undefined]>([
  [undefined, undefined],
  ['', undefined],
  ['<https://a.example/?page=2>; rel="next"', 'https://a.example/?page=2'],
  ['</items?page=2>; rel=next', '/items?page=2'],
  ['<a>; rel="prev", <b>; rel="next"', 'b'],
  ['<a>; rel="prev",<b>;rel=next;title=x', 'b'],
  ['<a,b;c>; rel="next"', 'a,b;c'],
  ['<a>; title="x, <y>; rel=next", <b>; rel=next', 'b'],
  ['<a>; title="say \\"rel=next\\""; rel=last, <b>; rel="last next"', 'b'],
  ['<a>; REL="NEXT"', 'a'],
  ['<a>; rel=prev; rel=next', undefined],
  ['<a>; rel=next; anchor="#other", <b>; rel=next', 'b'],
  ['<a>; rel=nextish', undefined],
  ['<a>; rel', undefined],
  [['<a>; rel=prev', '<b>; rel=next'], 'b'],
  ['no link', undefined],
  ['<a', undefined],
  [`${'<a>;'.repeat(8000)}`, undefined],
])('Link: %s has the next %s', (value, expected) => {
  expect(linkNext(value === undefined ? {} : { link: value })).toBe(expected);
});

test('the next is resolved against where the answer came from', () => {
  const url = 'https://a.example/api/items?page=1';
  expect(linkNext({ link: '<?page=2>; rel=next' }, url)).toBe('https://a.example/api/items?page=2');
  expect(linkNext({ link: '<http://[>; rel=next' }, url)).toBeUndefined();
});
