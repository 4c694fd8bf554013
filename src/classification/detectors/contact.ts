import { isIP } from 'node:net';
import { isValidPhoneNumber, type CountryCode } from 'libphonenumber-js/max';
import validator from 'validator';
import type { Detector } from '../column-sample.js';
import { each, valueDetector } from '../value-detector.js';
import { hasWord } from '../words.js';

export const email = valueDetector({
  name: 'email',
  tag: 'pii.email',
  types: ['text'],
  hint: hasWord(['e_?mail', 'e_?mails', 'email_?address', 'mail', 'mail_?address', 'correo', 'courriel', 'epost', 'e_?post', 'mailadresse']),
  chance: 1e-6,
  full: 0.3,
  count: each((value) => value.includes('@') && value.length <= 254 && validator.isEmail(value, { allow_utf8_local_part: true })),
});

/** Where numbers are written without a country: those whose people are met most. The numbers of one column are mostly of one country. */
const COUNTRIES: readonly CountryCode[] = ['US', 'GB', 'DE', 'FR', 'NL', 'SE'];

const DATE_LIKE = /^(\d{1,2}[./-]\d{1,2}[./-](\d{2}|\d{4})|\d{4}[./-]\d{1,2}[./-]\d{1,2}.*)$/;
/** Seven to fifteen digits (E.164) with what people write between them, and perhaps an extension. */
const SHAPE = /^[+(]{0,2}\d[\d\s().\-/]{5,22}\d(?:\s*(?:x|ext\.?)\s*\d{1,6})?$/i;
const NORTH_AMERICAN = /^(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4}(?:\s*(?:x|ext\.?)\s*\d{1,6})?$/i;
const WITH_TRUNK_ZERO = /^\(?0\d[\d\s()/-]*[\s()/-][\d\s()/-]*\d$/;
/** So many values are enough to tell the country of a column, and each costs a tenth of a millisecond to look at. */
const FOR_COUNTRY = 30;

export const phone = valueDetector({
  name: 'phone',
  tag: 'pii.phone',
  types: ['text', 'bigint'],
  hint: hasWord([
    'phone',
    'phones',
    'phone_?(?:no|nr|number)',
    'tele?phone',
    'tel',
    'telno',
    'mobile',
    '(?:mobile|home|work|business|office|day|evening)_?phone',
    'mobile_?(?:no|nr|number)',
    'mobil',
    'cell',
    'cell_?phone',
    'fax',
    'msisdn',
    'gsm',
    'handy(?:_?nr|_?nummer)?',
    'telefono?',
    'telefon_?(?:nr|nummer)',
    'telefoon(?:nummer)?',
    'mobilnummer',
    'movil',
    'cellulare',
    'portable',
  ]),
  counterHint: hasWord(['order', 'invoice', 'sku', 'isbn', 'ean', 'upc', 'part', 'serial', 'imei', 'version', 'date', 'amount', 'price']),
  chance: 0.2,
  // Half of all numbers of 3, 3 and 4 digits are somebody's in North America.
  full: 0.9,
  most: 100,
  count: countPhones,
});

function countPhones(values: readonly string[], hinted: boolean): number {
  const shaped = values.filter((value) => SHAPE.test(value) && !DATE_LIKE.test(value) && digitsOf(value) <= 15 && digitsOf(value) >= 7);
  // The name says what they are: numbers made up for examples, which no network has, are of the kind as well.
  if (hinted) return shaped.length;
  const international = shaped.filter((value) => value.startsWith('+'));
  const national = shaped.filter((value) => NORTH_AMERICAN.test(value) || WITH_TRUNK_ZERO.test(value));
  return international.filter((value) => isValidPhoneNumber(value)).length + inOneCountry(national);
}

function inOneCountry(values: readonly string[]): number {
  const some = values.slice(0, FOR_COUNTRY);
  const valid = COUNTRIES.map((country) => some.filter((value) => isValidPhoneNumber(value, country)).length);
  return some.length === 0 ? 0 : (Math.max(...valid) / some.length) * values.length;
}

function digitsOf(value: string): number {
  return value.replace(/\s*(?:x|ext).*$/i, '').replaceAll(/\D/g, '').length;
}

/** Versions such as 1.4.0.12 are addresses as well, of small numbers. */
const LARGE_PART = /(?:^|\.)(?:3[2-9]|[4-9]\d|1\d\d|2\d\d)(?:\.|$)/;
const MOSTLY = 0.6;

const isAddress = hasWord(['ip', 'ips', 'ipv[46]', 'ip_?addr(?:ess)?', 'remote_?addr(?:ess)?', 'client_?addr(?:ess)?', 'host_?addr(?:ess)?']);
const withoutPrefix = (value: string) => value.replace(/\/\d{1,3}$/, '');

export const ip: readonly Detector[] = [
  valueDetector({
    name: 'ipv4',
    tag: 'pii.ip',
    types: ['text'],
    hint: isAddress,
    counterHint: hasWord(['version', 'versions', 'ver', 'build', 'release', 'firmware', 'revision', 'oid']),
    chance: 0.05,
    full: 0.5,
    count: (values, hinted) => {
      const addresses = values.map(withoutPrefix).filter((value) => isIP(value) === 4);
      const telling = addresses.filter((value) => LARGE_PART.test(value));
      return hinted || telling.length >= addresses.length * MOSTLY ? addresses.length : 0;
    },
  }),
  valueDetector({
    name: 'ipv6',
    tag: 'pii.ip',
    types: ['text'],
    hint: isAddress,
    chance: 1e-4,
    full: 0.4,
    count: each((value) => isIP(withoutPrefix(value)) === 6),
  }),
];
