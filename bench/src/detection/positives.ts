import { createRequire } from 'node:module';
import { allFakers, type Faker } from '@faker-js/faker';
import { Random } from '../random.ts';
import { snake, type LabelledColumn, type LabelledDataset } from './labelled.ts';
import { nationalIds } from './national-ids.ts';

const ROWS = 300;
const LOCALES = ['en_US', 'en_GB', 'de', 'fr', 'es', 'it', 'nl', 'sv', 'pl', 'pt_BR', 'da', 'cs_CZ', 'tr', 'ja'] as const;

/** What a column of each kind holds, of a locale. */
const kinds = {
  email: { tag: 'pii.email', of: (faker: Faker) => faker.internet.email() },
  phone: { tag: 'pii.phone', of: (faker: Faker) => faker.phone.number() },
  iban: { tag: 'financial.iban', of: (faker: Faker) => faker.finance.iban() },
  card: { tag: 'financial.card', of: (faker: Faker) => faker.finance.creditCardNumber() },
  ip: { tag: 'pii.ip', of: (faker: Faker) => faker.internet.ip() },
  ipv4: { tag: 'pii.ip', of: (faker: Faker) => faker.internet.ipv4() },
  ipv6: { tag: 'pii.ip', of: (faker: Faker) => faker.internet.ipv6() },
  first: { tag: 'pii.name', of: (faker: Faker) => faker.person.firstName() },
  last: { tag: 'pii.name', of: (faker: Faker) => faker.person.lastName() },
  full: { tag: 'pii.name', of: (faker: Faker) => faker.person.fullName() },
  street: { tag: 'pii.address', of: (faker: Faker) => faker.location.streetAddress() },
  city: { tag: 'pii.address.city', of: (faker: Faker) => faker.location.city() },
  postcode: { tag: 'pii.address.postcode', of: (faker: Faker) => faker.location.zipCode() },
  birth: { tag: 'pii.birthdate', of: (faker: Faker) => faker.date.birthdate().toISOString().slice(0, 10) },
} as const;
export type Kind = keyof typeof kinds;

/** Names of columns from public descriptions of people, and as they are in other languages. */
const SCHEMAS: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  // schema.org/Person and PostalAddress
  schema_org_person: {
    email: 'email',
    telephone: 'phone',
    givenName: 'first',
    familyName: 'last',
    additionalName: 'first',
    birthDate: 'birth',
    streetAddress: 'street',
    addressLocality: 'city',
    postalCode: 'postcode',
  },
  // OpenID Connect Core, standard claims
  openid_claims: {
    given_name: 'first',
    family_name: 'last',
    middle_name: 'first',
    email: 'email',
    phone_number: 'phone',
    birthdate: 'birth',
    street_address: 'street',
    locality: 'city',
    postal_code: 'postcode',
  },
  // inetOrgPerson (RFC 2798, RFC 4519)
  ldap_people: {
    givenName: 'first',
    sn: 'last',
    cn: 'full',
    mail: 'email',
    telephoneNumber: 'phone',
    mobile: 'phone',
    homePhone: 'phone',
    street: 'street',
    postalCode: 'postcode',
  },
  // vCard (RFC 6350)
  vcards: { fn: 'full', email: 'email', tel: 'phone', bday: 'birth' },
  // Salesforce's object Contact
  salesforce_contact: {
    FirstName: 'first',
    LastName: 'last',
    Email: 'email',
    HomePhone: 'phone',
    MobilePhone: 'phone',
    Birthdate: 'birth',
    MailingStreet: 'street',
    MailingCity: 'city',
    MailingPostalCode: 'postcode',
  },
  // Microsoft Dynamics' table contact
  dynamics_contact: {
    firstname: 'first',
    lastname: 'last',
    fullname: 'full',
    emailaddress1: 'email',
    telephone1: 'phone',
    mobilephone: 'phone',
    birthdate: 'birth',
    address1_line1: 'street',
    address1_city: 'city',
    address1_postalcode: 'postcode',
  },
  // Shopify's export of customers
  shopify_customers: {
    first_name: 'first',
    last_name: 'last',
    email: 'email',
    phone: 'phone',
    default_address_address1: 'street',
    default_address_city: 'city',
    default_address_zip: 'postcode',
  },
  payments: { iban: 'iban', card_number: 'card', client_ip: 'ip', payer_email: 'email', account_holder_name: 'full' },
  bank_transfers: { debtor_iban: 'iban', creditor_iban: 'iban', debtor_name: 'full', credit_card_number: 'card' },
  access_log: { remote_addr: 'ipv4', ip: 'ip', forwarded_for: 'ipv4', user_email: 'email' },
  kunden: {
    vorname: 'first',
    nachname: 'last',
    e_mail: 'email',
    telefon: 'phone',
    handynummer: 'phone',
    geburtsdatum: 'birth',
    strasse: 'street',
    ort: 'city',
    plz: 'postcode',
  },
  clients: {
    prenom: 'first',
    nom_de_famille: 'last',
    courriel: 'email',
    telephone_portable: 'phone',
    date_de_naissance: 'birth',
    adresse: 'street',
    ville: 'city',
    code_postal: 'postcode',
  },
  clientes: {
    nombre: 'first',
    apellidos: 'last',
    correo_electronico: 'email',
    telefono: 'phone',
    fecha_nacimiento: 'birth',
    direccion: 'street',
    ciudad: 'city',
    codigo_postal: 'postcode',
  },
  dipendenti: {
    nome: 'first',
    cognome: 'last',
    email: 'email',
    cellulare: 'phone',
    data_di_nascita: 'birth',
    indirizzo: 'street',
    citta: 'city',
    cap: 'postcode',
  },
  klanten: {
    voornaam: 'first',
    achternaam: 'last',
    emailadres: 'email',
    telefoonnummer: 'phone',
    geboortedatum: 'birth',
    adres: 'street',
    woonplaats: 'city',
    postcode: 'postcode',
  },
};

const NATIONAL_NAMES: Readonly<Record<string, string>> = {
  us: 'ssn',
  gb: 'nino',
  fr: 'nir',
  de: 'steuer_id',
  es: 'dni',
  it: 'codice_fiscale',
  nl: 'bsn',
  se: 'personnummer',
};

export function positives(): LabelledDataset[] {
  return [...described(), ...unnamed()];
}

/** With telling names, each in several locales, and every second time with cells that are empty, or no such thing. */
function described(): LabelledDataset[] {
  const random = new Random(4);
  const people = Object.entries(SCHEMAS).flatMap(([name, columns]) =>
    LOCALES.map((locale, i): LabelledDataset => ({
      name,
      columns: Object.entries(columns).map(([column, kind]) =>
        columnOf(snake(column), kind, fakerOf(locale, `${name}${column}`), i % 2 === 1 ? random : undefined),
      ),
    })),
  );
  const ids = Object.entries(nationalIds).flatMap(([country, make]) =>
    [NATIONAL_NAMES[country] ?? '', 'national_id', 'tax_id'].map((name): LabelledDataset => ({
      name: 'members',
      columns: [{ name, type: 'text', values: Array.from({ length: ROWS }, () => make(random)), tag: 'pii.national_id' }],
    })),
  );
  const plain = ['us', 'nl'].map((country): LabelledDataset => {
    const values = Array.from({ length: ROWS }, () => String(Number((nationalIds[country] ?? String)(random).replaceAll('-', ''))));
    return { name: 'members', columns: [{ name: NATIONAL_NAMES[country] ?? '', type: 'integer', values, tag: 'pii.national_id' }] };
  });
  return [...people, ...ids, ...plain];
}

/** Columns without a telling name: only what values alone can say. */
function unnamed(): LabelledDataset[] {
  const random = new Random(5);
  const ofLocales = LOCALES.flatMap((locale, i): LabelledDataset[] =>
    (['email', 'iban', 'card', 'ip', 'ipv4', 'ipv6'] as const).map((kind) => ({
      name: 'export',
      columns: [columnOf('c17', kind, fakerOf(locale, `unnamed${kind}`), i % 2 === 1 ? random : undefined)],
    })),
  );
  const ids = Object.values(nationalIds).map((make): LabelledDataset => ({
    name: 'export',
    columns: [{ name: 'c17', type: 'text', values: Array.from({ length: ROWS }, () => make(random)), tag: 'pii.national_id' }],
  }));
  return [...ofLocales, ...ids, ...examplePhones(random)];
}

/** Mobile numbers of libphonenumber's own examples with other last digits, with their country and as E.164 has them. */
function examplePhones(random: Random): LabelledDataset[] {
  const require = createRequire(import.meta.url);
  const examples = require('libphonenumber-js/examples.mobile.json') as Record<string, string>;
  const { getCountryCallingCode } = require('libphonenumber-js/max') as typeof import('libphonenumber-js/max');
  return ['US', 'GB', 'DE', 'FR', 'ES', 'IT', 'NL', 'SE', 'PL', 'BR', 'JP', 'IN'].map((country): LabelledDataset => {
    const example = examples[country] ?? '';
    const calling = getCountryCallingCode(country as 'US');
    const values = Array.from(
      { length: ROWS },
      () => `+${calling}${random.below(2) === 0 ? ' ' : ''}${example.slice(0, -4)}${String(random.below(10_000)).padStart(4, '0')}`,
    );
    return { name: 'export', columns: [{ name: 'c17', type: 'text', values, tag: 'pii.phone' }] };
  });
}

export function columnOf(name: string, kind: Kind, faker: Faker, noise?: Random): LabelledColumn {
  const { tag, of } = kinds[kind];
  const values = Array.from({ length: ROWS }, () => (noise && noise.below(10) === 0 ? noise.pick(['', 'n/a', '-', 'unknown']) : of(faker)));
  return kind === 'birth' ? { name, type: 'date', values: values.filter((value) => /^\d/.test(value)), tag } : { name, type: 'text', values, tag };
}

function fakerOf(locale: (typeof LOCALES)[number], seed: string): Faker {
  return fakerFrom(allFakers[locale], seed + locale);
}

/** The same values on every run. */
export function fakerFrom(faker: Faker, seed: string): Faker {
  faker.seed([...seed].map((char) => char.charCodeAt(0)));
  faker.setDefaultRefDate('2026-01-01T00:00:00.000Z');
  return faker;
}
