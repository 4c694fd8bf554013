import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { DEFAULT_TOLERANCE, parseDuration, type SignatureSpec } from '../../catalog/index.js';
import { schemeOf, type SigningScheme } from './presets.js';

/** The headers of a request by their names in lower case; each with all its values. */
export type Headers = Readonly<Record<string, readonly string[] | undefined>>;

/** What is wrong with a request: `signature` for anything that nobody may learn more of; `replay` for one that was signed rightly, and not now. */
export type Verdict = { readonly refused: 'signature' | 'replay' } | { readonly signed: Signed };

export interface Signed {
  /** Whether what came in the header of ids, in those of CloudEvents and at a time stamp is part of what was signed. */
  readonly covers: { readonly id: boolean; readonly ce: boolean; readonly timestamp: boolean };
  /** The signed text but for the body: with the body it stands for this request. */
  readonly head: string;
}

/** Signatures of one request that are looked at: of a sender that changes its secrets there are two. */
const MOST_SIGNATURES = 16;
const TIMESTAMP = /^[0-9]{1,12}$/;
const PART = /\{(body|timestamp|id|ce)\}/;

/**
 * Checks signatures by one source's document. Which algorithm and header count is said there, never by the request. Each
 * secret is tried against each signature, in a time that does not depend on where they differ.
 */
export class SignatureCheck {
  readonly scheme: SigningScheme;
  readonly #keys: readonly KeyObject[];
  readonly #toleranceMs: number;
  /** Of the signed text: what stands there, and by turns the name of what comes there. */
  readonly #signs: readonly string[];

  /** @param secrets what the references stand for; without any, nothing is right */
  constructor(spec: SignatureSpec, secrets: readonly string[]) {
    this.scheme = schemeOf(spec);
    this.#signs = this.scheme.signs.split(PART);
    this.#keys = secrets.flatMap((secret) => keyOf(this.scheme, secret) ?? []);
    this.#toleranceMs = (parseDuration(spec.tolerance ?? DEFAULT_TOLERANCE) ?? 0) * 1_000;
  }

  /** @param body the bytes as they came */
  verify(headers: Headers, body: Buffer, now: number = Date.now()): Verdict {
    const { scheme } = this;
    const given = signaturesOf(scheme, single(headers, scheme.header));
    const timestamp = scheme.form === 'pairs' ? given.timestamp : scheme.timestamp && single(headers, scheme.timestamp);
    const id = scheme.signs.includes('{id}') ? single(headers, scheme.id) : undefined;
    const head = headOf(this.#signs, { timestamp, id, headers });
    let isRight = false;
    for (const key of this.#keys) {
      const expected = createHmac(scheme.algorithm, key).update(head, 'latin1').update(body).digest();
      // All are compared, whichever is right.
      for (const signature of given.signatures) if (sameBytes(signature, expected)) isRight = true;
    }
    const needsTime = scheme.signs.includes('{timestamp}');
    if (!isRight || (needsTime && (timestamp === undefined || !TIMESTAMP.test(timestamp)))) return { refused: 'signature' };
    if (needsTime && Math.abs(now - Number(timestamp) * 1_000) > this.#toleranceMs) return { refused: 'replay' };
    if (scheme.signs.includes('{id}') && id === undefined) return { refused: 'signature' };
    return { signed: { covers: { id: id !== undefined, ce: scheme.signs.includes('{ce}'), timestamp: needsTime }, head } };
  }

  /** Seconds for which a request that was signed once could be sent again. */
  get replayableSeconds(): number | undefined {
    return this.scheme.signs.includes('{timestamp}') ? Math.ceil((2 * this.#toleranceMs) / 1_000) : undefined;
  }
}

/** The one value of a header; undefined where it is not there, or there twice: proxies and programs differ in which of them they take. */
export function single(headers: Headers, name: string): string | undefined {
  const values = headers[name];
  return values?.length === 1 ? values[0] : undefined;
}

/**
 * The headers of a CloudEvent as they are signed: in the order of their names, each a line, and an empty line behind them. So nobody can
 * make the end of the headers the beginning of the body, or the other way round; and no body that is JSON begins as they do.
 */
function ceText(headers: Headers): string {
  const names = Object.keys(headers).filter((name) => name.startsWith('ce-'));
  if (names.length === 0) return '';
  const lines = names.toSorted().map((name) => `${name}:${(headers[name] ?? []).join(',')}\n`);
  return `${lines.join('')}\n`;
}

/** The signed text but for the body. */
function headOf(
  signs: readonly string[],
  { timestamp, id, headers }: { readonly timestamp?: string | undefined; readonly id?: string | undefined; readonly headers: Headers },
): string {
  let head = signs[0] ?? '';
  for (let i = 1; i < signs.length; i += 2) {
    const name = signs[i];
    if (name === 'ce') head += ceText(headers);
    else if (name === 'timestamp') head += timestamp ?? '';
    else if (name === 'id') head += id ?? '';
    head += signs[i + 1] ?? '';
  }
  return head;
}

function signaturesOf(
  { form, prefix, encoding }: SigningScheme,
  header = '',
): { readonly signatures: readonly Buffer[]; readonly timestamp?: string | undefined } {
  const decoded = (texts: readonly string[]) => texts.slice(0, MOST_SIGNATURES).flatMap((text) => decode(text, encoding) ?? []);
  const behind = (texts: readonly string[]) => texts.flatMap((text) => (text.startsWith(prefix) ? [text.slice(prefix.length)] : []));
  if (form === 'one') return { signatures: decoded(behind([header])) };
  if (form === 'listed') return { signatures: decoded(behind(header.split(' '))) };
  const pairs = header.split(',').map((pair) => pair.trim());
  const valuesOf = (name: string) => pairs.flatMap((pair) => (pair.startsWith(`${name}=`) ? [pair.slice(name.length + 1)] : []));
  const times = valuesOf('t');
  return { signatures: decoded(valuesOf('v1')), timestamp: times.length === 1 ? times[0] : undefined };
}

const HEX = /^(?:[0-9a-f]{2})+$/i;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Strictly: Node's decoders pass over what they do not know. */
function decode(text: string, encoding: 'hex' | 'base64'): Buffer | undefined {
  return (encoding === 'hex' ? HEX : BASE64).test(text) ? Buffer.from(text, encoding) : undefined;
}

function sameBytes(given: Buffer, expected: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function keyOf({ secret: form }: SigningScheme, secret: string): KeyObject | undefined {
  if (form === undefined) return createSecretKey(Buffer.from(secret));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return key.length > 0 ? createSecretKey(key) : undefined;
}
