import { isHeld, loadHolds, namesOf, type Dataset, type Field } from '../../catalog/index.js';
import type { Transaction } from '../../store/index.js';
import type { FieldCipher } from '../../vault/index.js';
import type { EventsPart } from '../collectors/parts/index.js';
import { subjectText } from '../subject-text.js';
import { rowOf } from './event-row.js';
import { INBOX_LOCK } from './inbox-group.js';
import { readInbox, type WaitingEvent } from './inbox-reader.js';
import { JsonTree } from '../json-tree.js';

/** Read at a time. */
const ROWS = 2_000;
const BYTES = 16 * 1024 ** 2;
/** What stands around a value in a text that is not taken apart. */
const AROUND = /[\s"',;:{}()<>=\\[\]|]+/;

/** A dataset that events of a source go to, and the field that says whose a row is. */
interface Target {
  readonly dataset: string;
  readonly field: Pick<Field, 'name' | 'type' | 'aliases'>;
  readonly part: EventsPart;
}

/** Persons in events that wait: who is forgotten is not loaded afterwards. */
export class InboxSubjects {
  readonly #cipher: Pick<FieldCipher, 'contents'>;
  readonly #loadDatasets: (tx: Transaction) => Promise<ReadonlyMap<string, Dataset>>;

  constructor(cipher: Pick<FieldCipher, 'contents'>, loadDatasets: (tx: Transaction) => Promise<ReadonlyMap<string, Dataset>>) {
    this.#cipher = cipher;
    this.#loadDatasets = loadDatasets;
  }

  /**
   * Deletes the events about a person, and resolves with their number. What arrives meanwhile waits, so that an event that
   * was received before the erasure is found, and one after it is another matter.
   * @param isTheirs whether a text is the person, as a subject field would have it
   */
  async forget(tx: Transaction, isTheirs: (text: string) => boolean): Promise<number> {
    const targets = await this.#targets(tx);
    const reached = new Map<string, string>();
    const before = await this.#forgetFrom(tx, targets, reached, isTheirs);
    await tx.query('SELECT pg_advisory_xact_lock($1)', [INBOX_LOCK]);
    return before + (await this.#forgetFrom(tx, targets, reached, isTheirs));
  }

  /** The name of a hold on somebody else whom an event about the person is about as well. */
  async holdWith(tx: Transaction, isTheirs: (text: string) => boolean): Promise<string | undefined> {
    const held = await heldPersons(tx);
    if (held.size === 0) return undefined;
    let found: string | undefined;
    for (const [source, targets] of await this.#targets(tx)) {
      if (targets.length === 0) continue;
      await this.#each(tx, source, '0', async (events) => {
        for (const waiting of events) {
          if (found !== undefined || !isAbout(waiting, targets, isTheirs)) continue;
          isAbout(waiting, targets, (text) => {
            if (!held.has(text) || isTheirs(text)) return false;
            found = held.get(text);
            return true;
          });
        }
      });
    }
    return found;
  }

  /** Whether an event about the person waits to go to the dataset. */
  async waits(tx: Transaction, dataset: string, isTheirs: (text: string) => boolean): Promise<boolean> {
    for (const [source, all] of await this.#targets(tx)) {
      const targets = all.filter((target) => target.dataset === dataset);
      if (targets.length === 0) continue;
      let found = false;
      await this.#each(tx, source, '0', async (events) => {
        found ||= events.some((waiting) => isAbout(waiting, targets, isTheirs));
      });
      if (found) return true;
    }
    return false;
  }

  async #forgetFrom(
    tx: Transaction,
    targets: ReadonlyMap<string, readonly Target[]>,
    reached: Map<string, string>,
    isTheirs: (text: string) => boolean,
  ): Promise<number> {
    let gone = 0;
    const sources = await tx.query<{ source: string }>('SELECT DISTINCT source FROM headgate.inbox ORDER BY source');
    for (const { source } of sources) {
      const known = targets.get(source);
      // Those whose collectors fill nothing that names a person.
      if (known?.length === 0) continue;
      const last = await this.#each(tx, source, reached.get(source) ?? '0', async (events) => {
        const theirs = events.filter((waiting) => (known ? isAbout(waiting, known, isTheirs) : hasWord(waiting, isTheirs)));
        if (theirs.length === 0) return;
        await tx.query('DELETE FROM headgate.inbox WHERE source = $1 AND id = ANY ($2::bigint[])', [source, theirs.map(({ id }) => id)]);
        gone += theirs.length;
      });
      reached.set(source, last);
    }
    return gone;
  }

  async #each(tx: Transaction, source: string, from: string, work: (events: readonly WaitingEvent[]) => Promise<void>): Promise<string> {
    for (let after = from; ;) {
      const { events, last } = await readInbox(tx, this.#cipher, { source, after, rows: ROWS, bytes: BYTES });
      if (last === undefined) return after;
      await work(events);
      after = last;
    }
  }

  /** By source; of one that is not in it nobody knows where its events will go. */
  async #targets(tx: Transaction): Promise<ReadonlyMap<string, readonly Target[]>> {
    const collectors = await tx.query<{ source: string; dataset: string; part: EventsPart | null }>(
      `SELECT c.spec ->> 'source' AS source, c.spec ->> 'dataset' AS dataset, c.spec -> 'events' AS part FROM headgate.collector c
       JOIN headgate.source s ON s.name = c.spec ->> 'source' WHERE s.spec ->> 'type' = 'events' ORDER BY c.name`,
    );
    if (collectors.length === 0) return new Map();
    const datasets = await this.#loadDatasets(tx);
    const targets = new Map<string, Target[]>();
    for (const { source, dataset: name, part } of collectors) {
      const dataset = datasets.get(name);
      const field = dataset?.fields.find((one) => one.name === dataset.subject);
      const all = targets.get(source) ?? [];
      if (field) all.push({ dataset: name, field, part: part ?? {} });
      targets.set(source, all);
    }
    return targets;
  }
}

/** Whether a row that would be made of it says that it is about the person. */
function isAbout({ event, receivedAt }: WaitingEvent, targets: readonly Target[], isTheirs: (text: string) => boolean): boolean {
  return targets.some(({ field, part }) => {
    const row = rowOf(part, event, receivedAt);
    const members = row.startsWith('{') ? new JsonTree(row).members : undefined;
    if (!members) return words(row).some((word) => isSubject(field, word, isTheirs));
    const values = namesOf(field).flatMap((name) => members.get(name)?.text ?? []);
    return values.some((value) => isSubject(field, value.startsWith('"') ? (JSON.parse(value) as string) : value, isTheirs));
  });
}

function isSubject(field: Pick<Field, 'type'>, text: string, isTheirs: (text: string) => boolean): boolean {
  const forms = [text, text.trim(), subjectText(field, text.trim()), /^[+-]?\d{1,40}\.0*$/.test(text.trim()) ? text.trim().replace(/\.0*$/, '') : undefined];
  return forms.some((form) => typeof form === 'string' && isTheirs(form));
}

/** Whom legal holds keep now, with the name of one. */
export async function heldPersons(tx: Pick<Transaction, 'query'>): Promise<ReadonlyMap<string, string>> {
  const holds = (await loadHolds(tx)).filter((hold) => isHeld(hold));
  return new Map(holds.flatMap(({ name, subjects = [] }) => subjects.map((subject) => [subject, name] as const)));
}

/** Of an event of which nobody knows where it would go: whether any word of it is the person. */
export function hasWord({ event }: WaitingEvent, isTheirs: (text: string) => boolean): boolean {
  return [event.data, ...Object.values(event.attributes).map(String)].some((text) => words(text).some(isTheirs));
}

function words(text: string): string[] {
  return text.split(AROUND).filter(Boolean);
}
