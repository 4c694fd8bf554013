import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeadgateError } from '../kernel/index.js';
import { KeyFile } from './key-file.js';
import { MasterKey, wrappedBy, type SigningKey } from './master-key.js';

/** What the database says of the master keys; by their `keyId`s. */
export interface KeySettlement {
  readonly active: string;
  /** They count for nothing any more, although this process may hold them. */
  readonly retired: ReadonlySet<string>;
}

/** Unknown keys are looked for in the file this often at the most, in milliseconds: whoever sends tokens can name any. */
const LOOK_MS = 50;
/** Beside the key file: which key was active when this home last knew, for commands that make tokens without a database. */
const HINT = 'master.active';

/**
 * The master keys that this process holds. One of them is active: new hashes, tokens, signatures and wrapped secrets are made
 * with it; the others are there for what was made before. Which one it is stands in the database (`settle`), so that all
 * processes change together; until it was asked, it is the one that this home knew last, or else the first.
 * Whoever keeps what was derived from a key must make it anew when another becomes active: see `ofActiveKey`.
 */
export class KeyRing {
  readonly #pinned = new Map<string, Buffer>();
  readonly #file: KeyFile | undefined;
  readonly #hint: string | undefined;
  readonly #listeners = new Set<() => void>();
  #held: ReadonlyMap<string, MasterKey>;
  #settled: KeySettlement;
  #look: Promise<void> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param keys one at least, in the order in which they were made */
  constructor(keys: Buffer | readonly Buffer[], { file, hint, active }: { file?: KeyFile; hint?: string; active?: string } = {}) {
    this.#file = file;
    this.#hint = hint;
    this.#held = asMap(Buffer.isBuffer(keys) ? [keys] : keys);
    const [first = ''] = this.#held.keys();
    this.#settled = { active: active !== undefined && this.#held.has(active) ? active : first, retired: new Set() };
  }

  /**
   * The given keys, or those in `master.key` of the data directory, made on first use with mode 0600.
   * @throws HeadgateError UNAVAILABLE when the file is damaged: a new key would change every hash and token.
   */
  static async open(home: string, masterKeys?: Buffer | readonly Buffer[]): Promise<KeyRing> {
    const file = masterKeys === undefined ? await KeyFile.open(home) : undefined;
    const hint = join(home, HINT);
    const active = (await readFile(hint, 'utf8').catch(() => '')).trim();
    return new KeyRing(masterKeys ?? (await file?.read()) ?? [], { hint, active, ...(file && { file }) });
  }

  /** @throws HeadgateError UNAVAILABLE when this process does not hold it: what it would answer with another key is wrong. */
  get active(): MasterKey {
    return this.get(this.#settled.active);
  }

  /** @throws HeadgateError UNAVAILABLE when this process does not hold it */
  get(keyId: string): MasterKey {
    const key = this.key(keyId);
    if (key) return key;
    // Clients can see it: the log says what is held, and where.
    throw new HeadgateError('UNAVAILABLE', `This process does not hold the master key ${keyId} of this installation. Ask who runs it.`, { keyId });
  }

  /** The active key; undefined where this process does not hold it. */
  get activeIfHeld(): MasterKey | undefined {
    return this.key(this.#settled.active);
  }

  /** Of the active key. @throws HeadgateError UNAVAILABLE as `active` */
  get keyId(): string {
    return this.active.keyId;
  }

  /** Those that count, in the order in which they were made: all that are held and not retired. */
  get keys(): readonly MasterKey[] {
    return [...this.#held.values()].filter(({ keyId }) => !this.#settled.retired.has(keyId));
  }

  /** All that are held, retired ones too. */
  get held(): readonly MasterKey[] {
    return [...this.#held.values()];
  }

  /** Where the keys come from when new ones can be made there: the path of the key file. */
  get file(): string | undefined {
    return this.#file?.path;
  }

  key(keyId: string): MasterKey | undefined {
    return this.#settled.retired.has(keyId) ? undefined : this.#held.get(keyId);
  }

  derive(label: string, bytes = 32): Buffer {
    return this.#pinned.get(label) ?? this.active.derive(label, bytes);
  }

  /** From now on `derive` gives this for the label, whichever key is active. */
  pin(label: string, secret: Buffer): void {
    this.#pinned.set(label, secret);
  }

  signingKey(label: string): SigningKey {
    return this.active.signingKey(label);
  }

  /** The pair under the label by its own `keyId`, of whichever master key; one that was added to the file a moment ago is found too. */
  async findSigningKey(label: string, keyId: string): Promise<SigningKey | undefined> {
    const find = () => this.keys.map((key) => key.signingKey(label)).find((pair) => pair.keyId === keyId);
    const found = find();
    if (found || !this.#file) return found;
    this.#look ??= this.#lookLater();
    await this.#look.catch(() => undefined);
    return find();
  }

  /**
   * Encrypts a small secret (AES-256-GCM) that is kept where others can read. It starts with the `keyId` of the master key, the active one.
   * @param label of what kind it is, with a key of its own
   * @param context what it belongs to: sealed for one, it can't be passed for another's
   */
  wrap(label: string, context: string, secret: Buffer): Buffer {
    return this.active.wrap(label, context, secret);
  }

  /** What was wrapped, with any key that is held; undefined when it was with another, for another context, or is damaged. */
  unwrap(label: string, context: string, wrapped: Buffer): Buffer | undefined {
    return this.key(wrappedBy(wrapped))?.unwrap(label, context, wrapped);
  }

  /** Says which key is active. Listeners hear of it when that is another one, or the keys that count are others. */
  async settle(settlement: KeySettlement): Promise<void> {
    const before = this.#state();
    const isNew = settlement.active !== this.#settled.active;
    this.#settled = settlement;
    if (before !== this.#state()) this.#tell();
    // Only a hint: without it commands sign with an older key, which is good as well.
    if (isNew && this.#hint !== undefined && this.key(settlement.active))
      await writeFile(this.#hint, `${settlement.active}\n`, { mode: 0o600 }).catch(() => undefined);
  }

  /** Reads the key file again, when the keys come from one. */
  async reload(): Promise<void> {
    await this.#readFile();
  }

  /** Makes a new key and puts it into the file; it is held, and not active. One process at a time. @throws HeadgateError CONFLICT where there is no file */
  async add(): Promise<MasterKey> {
    if (!this.#file) throw new HeadgateError('CONFLICT', 'The keys come from HEADGATE_MASTER_KEY: a new one is made there.');
    await this.#file.append();
    await this.#readFile();
    const last = this.held.at(-1);
    if (!last) throw new Error('the key file is empty');
    return last;
  }

  /** Whether the file has a key that was retired. */
  get holdsRetired(): boolean {
    return this.#file !== undefined && this.held.some(({ keyId }) => this.#settled.retired.has(keyId));
  }

  /** Takes retired keys out of the file, for good. One process at a time. */
  async dropRetired(): Promise<void> {
    const { retired } = this.#settled;
    await this.#file?.remove((key) => retired.has(new MasterKey(key).keyId));
    await this.#readFile();
  }

  /** `listener` is called after each change. Returns the function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What is wrong, and what mends it, when this process does not hold the active key. */
  missing(keyId: string): string {
    const where = this.file ?? 'HEADGATE_MASTER_KEY';
    const held = this.held.map((key) => key.keyId).join(', ');
    const mend = this.file
      ? `Put the key file of the other processes into its place (${where}), or the line that is missing`
      : 'Add the key to HEADGATE_MASTER_KEY, with a comma between, and start again';
    return `The active master key of this installation is ${keyId}, and ${where} does not hold it: it holds ${held}. ${mend}.`;
  }

  async #lookLater(): Promise<void> {
    await sleep(Math.max(0, this.#lookedAt + LOOK_MS - performance.now()));
    // Whoever comes from here on may look for what was written after this look.
    this.#look = undefined;
    await this.#readFile();
  }

  async #readFile(): Promise<void> {
    if (!this.#file) return;
    this.#lookedAt = performance.now();
    const held = asMap(await this.#file.read());
    const before = this.#state();
    this.#held = held;
    if (before !== this.#state()) this.#tell();
  }

  #state(): string {
    return [this.#settled.active, ...this.keys.map(({ keyId }) => keyId)].join(' ');
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** What `make` makes of the active key: once for each that becomes active. @throws HeadgateError UNAVAILABLE as `KeyRing.active` */
export function ofActiveKey<T>(keyRing: Pick<KeyRing, 'active'>, make: (key: MasterKey) => T): () => T {
  let made: { readonly key: MasterKey; readonly value: T } | undefined;
  return () => {
    const key = keyRing.active;
    if (made?.key.keyId !== key.keyId) made = { key, value: make(key) };
    return made.value;
  };
}

function asMap(keys: readonly Buffer[]): ReadonlyMap<string, MasterKey> {
  return new Map(keys.map((bytes) => new MasterKey(bytes)).map((key) => [key.keyId, key]));
}
