import { isIP } from 'node:net';
import type { ColumnSample, Detector } from '../column-sample.js';
import { nameDetector } from '../name-detector.js';
import { hasWord, isWord } from '../words.js';

/** How much a name says: what can be nothing else, and what is so in a dataset about people. */
const CERTAIN = 0.95;
const LIKELY = 0.85;

const PEOPLE =
  '(?:customer|client|user|employee|person|passenger|patient|member|student|pupil|teacher|contact|lead|subscriber|guest|travell?er|voter|citizen|resident|driver|tenant|beneficiary|applicant|candidate|recipient|holder|card_?holder|account_?holder|donor|debtor|creditor|payer|payee|sender|staff|kunde|mitarbeiter|personne|usuario|client[ei]|empleado|dipendent[ei]|pazient[ei]|medewerker|klant|passagi?er|patiente?n?)';
const isPeople = hasWord([`${PEOPLE}(?:s|n|en|er)?`, 'people', 'persons', 'beneficiaries', 'personal', 'personnel', 'crm', 'vcards?']);

const isPersonsName = hasWord([
  '(?:first|last|middle|given|family|full|maiden|birth|legal|preferred|additional)_?names?',
  'fore_?name',
  'sur_?name',
  '[fl]name',
  'vor_?name',
  'nach_?name',
  'familien_?name',
  'prenom',
  'nom_?(?:de_?)?famille',
  'nom_?complet',
  'apellidos?',
  'cognome',
  'voornaam',
  'achternaam',
  'fornamn',
  'efternamn',
  'primeiro_?nome',
  'sobrenome',
  `${PEOPLE}_?name`,
  `name_?of_?${PEOPLE}`,
]);
/** The last three as directories and vCards have them (RFC 4519, RFC 6350). */
const isBareName = isWord(['name', 'nom', 'nombre', 'nome', 'naam', 'namn', 'sn', 'cn', 'fn']);
const isNoPersonsName = hasWord([
  'file',
  'host',
  'user_?name',
  'display',
  'product',
  'company',
  'column',
  'table',
  'event',
  'city',
  'ship',
  'species',
  'scientific',
]);

export const personName = nameDetector({
  name: 'name',
  tag: 'pii.name',
  types: ['text'],
  weight: ({ name, dataset }) => {
    if (isNoPersonsName(name)) return 0;
    if (isPersonsName(name)) return CERTAIN;
    return isBareName(name) && isPeople(dataset) ? LIKELY : 0;
  },
  looks: (value) => value.length <= 80 && /^\p{L}[\p{L}\p{M}'’`., -]*$/u.test(value),
  least: 0.85,
});

const isStreet = hasWord([
  'street',
  'street_?(?:address|name)',
  'str(?:asse|aat)?',
  'rue',
  'calle',
  'direccion',
  'indirizzo',
  'adresse?',
  'adres',
  '(?:home|postal|mailing|billing|shipping|delivery|residential|permanent|current)_?addr(?:ess)?',
  'addr(?:ess)?_?(?:line)?_?\\d',
  'address_?line',
]);
const isBareAddress = isWord(['addr', 'address']);
const isNoAddress = hasWord([
  'e_?mail',
  'mail',
  'ip',
  'ipv[46]',
  'mac',
  'web',
  'url',
  'remote',
  'host',
  'wallet',
  'contract',
  'memory',
  'city',
  'country',
  'state',
  'type',
  'id',
  'zip',
  'zip_?code',
  'post_?code',
  'postal_?code',
  'plz',
]);

export const address = nameDetector({
  name: 'address',
  tag: 'pii.address',
  types: ['text'],
  weight: ({ name }) => (isNoAddress(name) ? 0 : isStreet(name) ? CERTAIN : isBareAddress(name) ? LIKELY : 0),
  looks: (value) => /\p{L}{2}/u.test(value) && /[\s\d]/.test(value) && !/[@]|:\/\/|^0x/.test(value) && isIP(value) === 0,
  least: 0.6,
});

const isBirth = hasWord([
  '(?:date_?of_?)?birth',
  'birth_?(?:date|day|dt)',
  'dob',
  'born',
  'born_?(?:on|at)',
  'bdate',
  'bday',
  'geburts?_?(?:datum|tag)',
  'geb_?(?:datum|dat)',
  '(?:date_?(?:de_?)?)?naissance',
  '(?:fecha_?(?:de_?)?)?nacimiento',
  '(?:data_?(?:di_?)?)?nascita',
  'geboorte_?datum',
  'fodelse_?(?:datum|dag)',
]);
const isNotBirth = hasWord(['place', 'city', 'country', 'weight', 'rate', 'rates', 'order', 'name', 'ort', 'lieu', 'lugar', 'luogo', 'count', 'year']);

const FIRST_YEAR = 1900;

/** A day on which somebody who lives may have been born. */
function isDayOfBirth(value: string): boolean {
  const [, text = ''] = /(?:^|\D)(\d{4})(?:\D|$)/.exec(value) ?? /^(\d{4})\d{4}$/.exec(value) ?? [];
  const year = Number(text);
  return year >= FIRST_YEAR && year <= new Date().getUTCFullYear() && /^[\d\s./:TZ+-]{8,35}$/.test(value);
}

export const birthDate = nameDetector({
  name: 'birthdate',
  tag: 'pii.birthdate',
  types: ['date', 'timestamp', 'text'],
  weight: ({ name }) => (isBirth(name) && !isNotBirth(name) ? CERTAIN : 0),
  looks: isDayOfBirth,
  least: 0.9,
});

const isBirthYear = hasWord(['birth_?year', 'year_?of_?birth', 'yob', 'geburtsjahr', 'annee_?naissance']);

export const birthYear = nameDetector({
  name: 'birthyear',
  tag: 'pii.birthdate',
  types: ['integer', 'bigint', 'text'],
  weight: ({ name }) => (isBirthYear(name) ? CERTAIN : 0),
  looks: (value) => /^\d{4}$/.test(value) && Number(value) >= FIRST_YEAR && Number(value) <= new Date().getUTCFullYear(),
  least: 0.9,
});

export const passport = nameDetector({
  name: 'passport',
  tag: 'pii.passport',
  types: ['text', 'bigint', 'integer'],
  weight: ({ name }) =>
    hasWord(['passport', 'passport_?(?:no|nr|number)', 'reisepass', 'passeport', 'pasaporte', 'paspoort'])(name) &&
    !hasWord(['country', 'type', 'date', 'expiry', 'expires', 'issued', 'issuer'])(name)
      ? CERTAIN
      : 0,
  looks: (value) => /^(?=.*\d)[A-Z0-9]{6,12}$/i.test(value),
  least: 0.8,
});

/** Where people live, in a dataset that has other things of people: by itself a city is of no person. */
export const whereabouts: readonly Detector[] = [
  nameDetector({
    name: 'city',
    tag: 'pii.address.city',
    types: ['text'],
    weight: byName(
      ['city', 'town', 'home_?town', 'locality', 'stadt', 'ort', 'wohnort', 'ville', 'ciudad', 'citta', 'woonplaats', 'stad'],
      ['birth', 'type', 'code', 'id'],
    ),
    looks: (value) => value.length <= 60 && /^\p{L}[\p{L}\p{M}'’`.()/, -]*$/u.test(value),
    least: 0.8,
  }),
  nameDetector({
    name: 'postcode',
    tag: 'pii.address.postcode',
    types: ['text', 'integer'],
    weight: byName(
      ['post_?code', 'postal_?code', 'zip', 'zip_?code', 'plz', 'postleitzahl', 'code_?postal', 'codigo_?postal', 'cap', 'postnummer'],
      ['type', 'id', 'count'],
    ),
    looks: (value) => /^(?=.*\d)[A-Z0-9][A-Z0-9 -]{2,9}$/i.test(value),
    least: 0.8,
  }),
];

function byName(words: readonly string[], others: readonly string[]): (column: ColumnSample) => number {
  const [isIt, isNot] = [hasWord(words), hasWord(others)];
  return ({ name }) => (isIt(name) && !isNot(name) ? LIKELY : 0);
}

/** Is the dataset about people, by its name? */
export function isAboutPeople(dataset: string): boolean {
  return isPeople(dataset);
}
