import { literal, param, raw, sql, type Sql } from '../sql/index.js';
import { hmac, keyOf } from './mask-hash.js';
import type { MaskKeys } from './mask-keys.js';
import type { Made, Mask } from './mask-kind.js';

/*
 * Made-up values: an HMAC of the value chooses words from these lists. There are far fewer of them than values, so many values have
 * one pseudonym in common, and even the key does not lead back from it. The lists are parameters, each sent once with a
 * statement. A list has a power of two of words, so that all are as likely.
 */
const FIRST_NAMES = words(
  'Ada Adam Aisha Alma Amir Ana Anton Aya Ben Bo Carla Chen Clara Dana David Diego Elena Elias Emil Emma Eva Farid Felix Fiona Grace Hana Hugo Ida Igor Ines Iris Ivan Jana Jonas Juan Jun Karim Kim Lara Lea Leo Lina Luca Maja Marco Maria Mei Mila Mona Nadia Nils Nina Noah Nora Omar Oscar Paula Petra Rosa Sami Sara Tom Vera Yusuf',
);
const LAST_NAMES = words(
  'Adler Alba Arden Bauer Becker Bell Berg Blom Brandt Castro Chan Costa Cruz Dahl Diaz Dorn Ek Falk Fischer Fox Garcia Gray Haas Hall Hansen Hill Holm Horn Ito Jansen Keller Khan Kim Klein Kovac Lang Lee Lima Lind Lopez Lund Marin Meyer Mori Moser Nagy Novak Okafor Olsen Park Peters Popov Rossi Roth Sato Silva Singh Stone Tanaka Vega Vogel Weber Wolf Young',
);
const PLACES = words(
  'Ash Alder Bay Beech Birch Bright Brook Clear Cold Crow Deer East Elm Fair Fern Fox Glen Gold Green Grey Hart Hazel High Iron Lake Linden Maple North Oak Rose Silver West',
);
const PLACE_ENDS = words(
  'bank borough bridge brook bury cliff combe cross dale den end field ford gate grove ham haven hill hurst land leigh ley mere mill moor mouth port ridge stead ton wick wood',
);
/** Domains that nobody can have (RFC 2606). */
const DOMAINS = words('example.com example.net example.org mail.example');

interface Words {
  readonly list: Sql;
  readonly size: number;
}

function words(text: string): Words {
  const list = text.split(' ');
  return { list: param(list, 'text[]'), size: list.length };
}

/** A value that looks like one of its kind and is nobody's: the same for equal values under one scope. */
export function pseudonym({ made, scope }: Extract<Mask, { kind: 'pseudonym' }>, ownScope: string, column: Sql, keys: MaskKeys): Sql {
  const digest = hmac(keyOf('pseudonym', scope ?? ownScope, keys), column);
  return MAKERS[made](digest);
}

const MAKERS: Readonly<Record<Made, (digest: Sql) => Sql>> = {
  name: (digest) => sql`(${word(FIRST_NAMES, digest, 0)} || ' ' || ${word(LAST_NAMES, digest, 1)})`,
  email: (digest) =>
    sql`(pg_catalog.lower(${word(FIRST_NAMES, digest, 0)} || '.' || ${word(LAST_NAMES, digest, 1)}) || ${digits(digest, 8, 4)} || '@' || ${word(DOMAINS, digest, 2)})`,
  city: (digest) => sql`(${word(PLACES, digest, 0)} || ${word(PLACE_ENDS, digest, 1)})`,
  // No country has the code 999.
  phone: (digest) => sql`('+999 ' || ${digits(digest, 1, 3)} || ' ' || ${digits(digest, 4, 4)})`,
};

function word({ list, size }: Words, digest: Sql, byte: number): Sql {
  return sql`(${list})[1 + (pg_catalog.get_byte(${digest}, ${raw(`${byte}`)}) & ${raw(`${size - 1}`)})]`;
}

/** Hexadecimal digits of which the letters are made digits. */
function digits(digest: Sql, from: number, count: number): Sql {
  const hex = sql`pg_catalog.substr(pg_catalog.encode(${digest}, 'hex'), ${raw(`${from}`)}, ${raw(`${count}`)})`;
  return sql`pg_catalog.translate(${hex}, ${literal('abcdef')}, ${literal('012345')})`;
}
