import validator from 'validator';
import { each, valueDetector } from '../value-detector.js';
import { hasWord } from '../words.js';

/** Length and country of the register, and the remainder by 97 (ISO 13616). */
export const iban = valueDetector({
  name: 'iban',
  tag: 'financial.iban',
  types: ['text'],
  hint: hasWord(['iban', 'ibans', 'bank_?account', 'account_?(?:no|nr|number)', 'konto', 'kontonummer', 'rekening(?:nummer)?']),
  chance: 1e-3,
  full: 0.3,
  count: each((value) => /^[A-Z]{2}\d{2}[A-Z0-9 -]{10,40}$/i.test(value) && validator.isIBAN(value)),
});

/** First digits and length of an issuer, and the check digit (Luhn, ISO/IEC 7812). */
export const card = valueDetector({
  name: 'card',
  tag: 'financial.card',
  types: ['text', 'bigint', 'decimal'],
  hint: hasWord(['card', 'cards', 'card_?(?:no|nr|number)', 'credit_?card', 'cc', 'cc_?(?:no|nr|num|number)', 'pan', 'kreditkarte', 'tarjeta', 'carte']),
  counterHint: hasWord(['imei', 'gift', 'loyalty', 'sim', 'iccid', 'tracking', 'barcode', 'gtin', 'ean']),
  chance: 0.025,
  full: 0.5,
  count: each((value) => /^\d(?:[ -]?\d){11,18}$/.test(value) && validator.isCreditCard(value.replaceAll(/[ -]/g, ''))),
});
