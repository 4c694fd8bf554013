import { compilePresence, compileTokens, governTokens, type Admission, type CompiledRead, type GovernedTokens, type Reader } from '../access/index.js';
import type { AuditFact, AuditLog } from '../audit/index.js';
import type { Dataset } from '../catalog/index.js';
import { TOKEN, tokenScopes, type Authorizer } from '../governance/index.js';
import type { Principal } from '../identity/index.js';
import { HeadgateError, isHeadgateError } from '../kernel/index.js';
import type { Database } from '../store/index.js';
import { forgetTokens, type TokenEntry, type TokenPlace, type TokenVault } from '../vault/index.js';

/** Tokens of one call: so many a person can answer for. */
export const MOST_TOKENS = 1_000;
const LONGEST_REASON = 500;

export interface DetokenizerOptions {
  readonly database: Pick<Database, 'query' | 'transaction'>;
  readonly reader: Pick<Reader, 'read'>;
  readonly vault: TokenVault;
  readonly audit: Pick<AuditLog, 'record' | 'recordIn'>;
  /** How many reads one principal may have under way. */
  readonly admission: Pick<Admission, 'enter'>;
  /** Of the values of one call. */
  readonly maxBytes: number;
}

export interface DetokenizeRequest {
  readonly principal: Principal;
  readonly authorizer: Authorizer;
  readonly dataset: Dataset;
  /** The contract's name of a field that the dataset has. */
  readonly field: string;
  readonly tokens: readonly string[];
  /** Why it is asked: it is on the record. */
  readonly reason: string;
}

/** What a token stands for; null where no row that may be seen has such a value. */
export interface Detokenized {
  readonly token: string;
  readonly value: string | null;
}

/**
 * Says what tokens stand for, to those who have the right. A token stands for a value only as long as a row has it: what is told
 * is what the rows hold that the principal's grants with that right let through, and what the vault remembers says only where to
 * look first.
 */
export class Detokenizer {
  readonly #options: DetokenizerOptions;

  constructor(options: DetokenizerOptions) {
    this.#options = options;
  }

  /**
   * One answer for each token, in their order; that and why it was asked is on the record, durably, when this resolves.
   * @throws HeadgateError FORBIDDEN, PURPOSE_REQUIRED or UNAUTHENTICATED with `dataset` and `field` (recorded before it is told);
   *   BAD_USER_INPUT for what is no token, too many, or no reason; RATE_LIMITED; what `Reader.read` throws.
   */
  async detokenize(request: DetokenizeRequest): Promise<readonly Detokenized[]> {
    const began = performance.now();
    const fact = (more: Pick<AuditFact, 'decision' | 'details'> & Pick<Partial<AuditFact>, 'fields' | 'rowCount'>): AuditFact => ({
      actor: request.principal,
      action: 'detokenize',
      dataset: request.dataset.name,
      durationMs: Math.round((performance.now() - began) * 1000) / 1000,
      ...more,
    });
    const { audit, admission, database } = this.#options;
    const { field, tokens } = request;
    let plan: GovernedTokens;
    try {
      plan = governTokens(request.dataset, field, (dataset) => request.authorizer.decide(request.principal, dataset, 'detokenize'));
    } catch (error) {
      if (isHeadgateError(error)) await audit.record(fact({ decision: 'DENIED', details: { code: error.code, fields: [field], tokens: tokens.length } }));
      throw error;
    }
    const reason = checkRequest(request, plan);
    const leave = admission.enter(request.principal);
    try {
      const { found, added, gone, place } = await this.#resolve(request, plan);
      const answers = tokens.map((token): Detokenized => ({ token, value: found.get(token) ?? null }));
      const hits = answers.filter(({ value }) => value !== null).length;
      // What is remembered and the entry are one transaction: nothing is told that is not on the record.
      await database.transaction(async (tx) => {
        if (gone.length > 0) await forgetTokens(tx, place.datasetId, { field, tokens: gone });
        await this.#options.vault.remember(tx, place, added);
        await audit.recordIn(tx, fact({ decision: 'ALLOWED', fields: [field], rowCount: hits, details: { tokens: tokens.length, hits, reason } }));
      });
      return answers;
    } catch (error) {
      const code = isHeadgateError(error) ? error.code : 'INTERNAL_SERVER_ERROR';
      // What can't be reached can't be written to either, unless it is a source; nothing was told.
      const isSource = isHeadgateError(error) && error.details['source'] !== undefined;
      if (code !== 'UNAVAILABLE' || isSource)
        await audit.record(fact({ decision: 'FAILED', fields: [field], details: { code, tokens: tokens.length, reason } }));
      throw error;
    } finally {
      leave();
    }
  }

  async #resolve({ principal, authorizer, tokens }: DetokenizeRequest, plan: GovernedTokens): Promise<Resolved> {
    const { database, vault, maxBytes } = this.#options;
    const { dataset } = plan.decision;
    const place = { datasetId: dataset.id, field: plan.field.name };
    const scopes = tokenScopes(authorizer.policy, dataset.name, plan.field.name);
    const wanted = [...new Set(tokens)];
    const found = new Map<string, string>();

    const recalled = await vault.recall(database, place, wanted, scopes);
    if (recalled.length > 0) {
      const values = [...new Set(recalled.map(({ value }) => value))];
      const present = new Set((await this.#ask(compilePresence(plan, { maskKeys: authorizer.maskKeys, maxBytes }), values, principal)) as readonly string[]);
      for (const { token, value } of recalled) if (present.has(value)) found.set(token, value);
    }
    const unknown = wanted.filter((token) => !found.has(token));
    const rows = unknown.length === 0 ? [] : await this.#ask(compileTokens(plan, scopes, { maskKeys: authorizer.maskKeys, maxBytes }), unknown, principal);
    const added = (rows as readonly (readonly [string, string, string])[]).map(([token, scope, value]): TokenEntry => ({ token, scope, value }));
    for (const { token, value } of added) found.set(token, value);
    // Who sees all cells and does not find it knows that no row has it any more.
    const seesAll = plan.decision.rows === 'all' && plan.decision.fields.get(plan.field.name)?.access === 'plain';
    const gone = seesAll ? recalled.flatMap(({ token }) => (found.has(token) ? [] : [token])) : [];
    return { found, added, gone, place };
  }

  /** @returns the JSON list that the statement gives */
  async #ask(compiled: CompiledRead, values: readonly string[], principal: Principal): Promise<readonly unknown[]> {
    const { json } = await this.#options.reader.read(compiled, [values], principal);
    return JSON.parse(json ?? '[]') as readonly unknown[];
  }
}

interface Resolved {
  /** By token. */
  readonly found: ReadonlyMap<string, string>;
  readonly added: readonly TokenEntry[];
  readonly gone: readonly string[];
  readonly place: TokenPlace;
}

/** @returns the reason, as it is recorded */
function checkRequest({ dataset, field, tokens, reason }: DetokenizeRequest, plan: GovernedTokens): string {
  const refuse = (message: string): never => {
    throw new HeadgateError('BAD_USER_INPUT', message, { dataset: dataset.name, field });
  };
  if (plan.field.type !== 'text' || plan.field.list) refuse(`${dataset.name}.${field} is no text, so there are no tokens of it.`);
  if (tokens.length === 0 || tokens.length > MOST_TOKENS) refuse(`Give 1 to ${MOST_TOKENS} tokens at a time; these are ${tokens.length}.`);
  const wrong = tokens.findIndex((token) => !TOKEN.test(token));
  if (wrong >= 0) refuse(`Number ${wrong + 1} of the tokens is none: tokens are tok_ and 32 hexadecimal digits.`);
  const given = reason.trim();
  if (given === '' || given.length > LONGEST_REASON || given.includes('\0')) refuse(`Say why, in 1 to ${LONGEST_REASON} characters.`);
  // It stays on the record for ever, which holds no data.
  if (/tok_[0-9a-f]{32}/.test(given)) refuse('The reason has a token in it, and it is kept on the record: say why without it.');
  return given;
}
