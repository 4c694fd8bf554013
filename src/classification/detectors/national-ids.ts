import validator from 'validator';
import type { ScalarType } from '../../catalog/index.js';
import type { Detector } from '../column-sample.js';
import { each, valueDetector } from '../value-detector.js';
import { hasWord } from '../words.js';

/** Words that mean such a number in any country. */
const ANY = [
  'national_?id',
  'national_?id_?(?:no|nr|number)',
  'id_?(?:card|number|document)',
  'identity_?(?:card|no|number)',
  'personal_?(?:id|no|number)',
  'tax_?id',
  'tax_?payer_?id',
];

interface NationalId {
  readonly country: string;
  readonly words: readonly string[];
  readonly chance: number;
  /** Whole numbers have lost leading zeros: so many digits are put back. */
  readonly digits?: number;
  readonly isOne: (text: string) => boolean;
}

function nationalId({ country, words, chance, digits, isOne }: NationalId): Detector {
  const types: ScalarType[] = digits === undefined ? ['text'] : ['text', 'bigint', 'integer', 'decimal'];
  return valueDetector({
    name: `national_id.${country}`,
    tag: 'pii.national_id',
    types,
    hint: hasWord([...ANY, ...words]),
    counterHint: hasWord([
      'order',
      'invoice',
      'sku',
      'isbn',
      'ean',
      'part',
      'serial',
      'tracking',
      'phone',
      'mobile',
      'amount',
      'price',
      'quantity',
      'company',
      'org',
    ]),
    chance,
    full: 0.8,
    count: (values, hinted) => each((value) => isOne(value.toUpperCase()))(values, hinted),
  });
}

const isDigits = /^\d+$/;
const without = (text: string, between: RegExp) => text.replaceAll(between, '');

/** Area, group and serial that were ever given out (Social Security Administration, since 2011). */
const SSN = /^(?!000|666|9)\d{3}(-?)(?!00)\d{2}\1(?!0000)\d{4}$/;
/** Prefixes and suffix of HMRC's manual (NIM39110). */
const NINO = /^(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]$/;
const NIR = /^[1278]\d{2}(?:0[1-9]|1[0-2]|[2-9]\d)(?:\d{2}|2[AB])\d{6}\d{2}$/;

/** The key of a French social security number: 97 less the remainder of the rest by 97; the departments of Corsica count as 19 and 18. */
function isNir(value: string): boolean {
  const text = without(value, /[ .]/g);
  if (!NIR.test(text)) return false;
  const number = text.slice(0, 13).replace('2A', '19').replace('2B', '18');
  return 97 - Number(BigInt(number) % 97n) === Number(text.slice(13));
}

/** With hyphens the shape says it; without, nine digits are anything, unless the column's name says it. */
const usWithHyphens = nationalId({
  country: 'us',
  words: ['ssn', 'ssns', 'social_?security', 'social_?security_?(?:no|number)'],
  chance: 0.05,
  isOne: (value) => value.includes('-') && SSN.test(value),
});
const usPlain = nationalId({
  country: 'us',
  words: ['ssn', 'ssns', 'social_?security', 'social_?security_?(?:no|number)'],
  chance: 0.99,
  digits: 9,
  isOne: (value) => SSN.test(value.padStart(9, '0')),
});

export const nationalIds: readonly Detector[] = [
  usWithHyphens,
  { ...usPlain, look: (column) => withName(usPlain.look(column)) },
  nationalId({
    country: 'gb',
    words: ['nino', 'ni_?(?:no|number)', 'national_?insurance', 'national_?insurance_?(?:no|number)'],
    chance: 0.1,
    isOne: (value) => NINO.test(value),
  }),
  nationalId({ country: 'fr', words: ['nir', 'insee', 'secu', 'securite_sociale', 'num(?:ero)?_secu'], chance: 3e-3, digits: 15, isOne: isNir }),
  nationalId({
    country: 'de',
    words: ['steuer_?id', 'steuer_?nummer', 'idnr', 'steuerliche_idnr', 'tin'],
    chance: 0.03,
    digits: 11,
    isOne: (value) => isDigits.test(without(value, / /g)) && validator.isTaxID(without(value, / /g), 'de-DE'),
  }),
  nationalId({ country: 'es', words: ['dni', 'nie', 'nif'], chance: 0.045, isOne: (value) => validator.isIdentityCard(without(value, /[ -]/g), 'ES') }),
  nationalId({
    country: 'it',
    words: ['codice_?fiscale', 'cod_?fisc', 'cf'],
    chance: 1e-3,
    isOne: (value) => value.length === 16 && validator.isTaxID(value, 'it-IT'),
  }),
  nationalId({
    country: 'nl',
    words: ['bsn', 'burger_?service_?nummer', 'sofi_?(?:nr|nummer)?'],
    chance: 0.09,
    digits: 9,
    isOne: (value) => /^\d{8,9}$/.test(value) && Number(value) > 0 && isBsn(value.padStart(9, '0')),
  }),
  nationalId({
    country: 'se',
    words: ['personnummer', 'person_?nr', 'pnr'],
    chance: 0.04,
    digits: 10,
    isOne: (value) => /^(?:19|20)?\d{6}[-+]?\d{4}$/.test(value) && isPersonnummer(value),
  }),
];

/** The Dutch check: nine digits, weighted 9 to 2 and the last by -1, are divisible by 11. */
function isBsn(digits: string): boolean {
  const sum = [...digits].reduce((total, digit, i) => total + Number(digit) * (i === 8 ? -1 : 9 - i), 0);
  return sum % 11 === 0;
}

/** A day of birth (with 60 added for a coordination number) and a check digit (Luhn) over the last ten digits. */
function isPersonnummer(value: string): boolean {
  const ten = without(value, /[-+]/g).slice(-10);
  const month = Number(ten.slice(2, 4));
  const day = Number(ten.slice(4, 6));
  return month >= 1 && month <= 12 && ((day >= 1 && day <= 31) || (day >= 61 && day <= 91)) && validator.isLuhnNumber(ten);
}

function withName(finding: ReturnType<Detector['look']>): ReturnType<Detector['look']> {
  return finding?.byName ? finding : undefined;
}
