import { isHeadgateError, type Log } from '../../kernel/index.js';
import { Wake } from '../../jobs/index.js';
import type { Database, Notifications } from '../../store/index.js';
import type { FieldCipher } from '../../vault/index.js';
import type { CollectJob } from '../collectors/collect-job.js';
import { waitMsOf } from '../collectors/collector-shape.js';
import type { CollectorType } from '../collectors/collector-type.js';
import { idOf } from './event.js';
import { rowOf, takes } from './event-row.js';
import { INBOX_CHANNEL } from './inbox-group.js';
import { deletePassed, inboxLag, readInbox, type WaitingEvent } from './inbox-reader.js';
import { isPoison, refusedRow, substitute } from './poison.js';

const ROWS = 5_000;
const BYTES = 8 * 1024 ** 2;
/** How long an event waits for others: a batch is a transaction with a run, a report and an entry. */
const WAIT_MS = 200;
/** How often is looked when nothing is told. */
const POLL_MS = 1_000;
const LAG_EVERY_MS = 2_000;
/** In a row: what changes under a batch each time is read again, though not for ever. */
const MOST_CONFLICTS = 20;
/** Of an id in quarantine. */
const SHOWN = 200;

export interface EventsCollectorOptions {
  readonly database: Database;
  readonly notifications: Pick<Notifications, 'listen'>;
  readonly cipher: Pick<FieldCipher, 'contents'>;
  readonly log: Log;
  readonly maxValueBytes: number;
}

/** Takes events out of the inbox, in the order in which they were committed there. */
export class EventsCollector implements CollectorType {
  readonly #options: EventsCollectorOptions;
  readonly #wakes = new Set<Wake>();
  #stopListening: (() => void) | undefined;

  constructor(options: EventsCollectorOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const wake = () => this.#wakes.forEach((one) => one.wake());
    this.#stopListening = await this.#options.notifications.listen(INBOX_CHANNEL, wake, wake);
  }

  close(): void {
    this.#stopListening?.();
  }

  async collect(job: CollectJob): Promise<void> {
    const wake = new Wake();
    const stop = () => wake.wake();
    this.#wakes.add(wake);
    job.signal.addEventListener('abort', stop, { once: true });
    try {
      await this.#follow(job, wake);
    } finally {
      this.#wakes.delete(wake);
      job.signal.removeEventListener('abort', stop);
    }
  }

  async #follow(job: CollectJob, wake: Wake): Promise<void> {
    const { database, cipher } = this.#options;
    const { rows = ROWS, bytes = BYTES, wait } = job.collector.batch ?? {};
    const waitMs = wait === undefined ? WAIT_MS : waitMsOf(wait);
    const source = job.collector.source;
    let toldAt = -Infinity;
    let conflicts = 0;
    let most = rows;
    while (!job.signal.aborted) {
      const after = positionOf(await job.position());
      const { events, last, isFull } = await readInbox(database, cipher, { source, after, rows: most, bytes });
      const rest = waitMs - (Date.now() - (events[0]?.receivedAt.getTime() ?? 0));
      if (last === undefined || (!isFull && events.length > 0 && rest > 0)) {
        if (last === undefined && performance.now() - toldAt > LAG_EVERY_MS) {
          toldAt = performance.now();
          await job.lag({ messages: 0, seconds: 0 });
        }
        // Whoever is told of each event and waits for more of them need not look each time.
        await (last === undefined ? wake.sleep(POLL_MS) : pause(rest, job.signal));
        continue;
      }
      try {
        await this.#land(job, events, last);
        conflicts = 0;
        most = Math.min(most * 2, rows);
      } catch (error) {
        // Somebody was erased while they were on their way: what is there now is read again. Fewer at a time, so that what came
        // before the erasure and what came after it, of which the person may be again, do not stay in one batch.
        if (!isHeadgateError(error) || error.code !== 'CONFLICT' || conflicts >= MOST_CONFLICTS) throw error;
        conflicts += 1;
        most = Math.max(1, Math.floor(events.length / 2));
        continue;
      }
      if (performance.now() - toldAt > LAG_EVERY_MS) {
        toldAt = performance.now();
        await job.lag(await inboxLag(database, source, last));
      }
    }
  }

  /** All of them, in as few batches as what is in them allows. */
  async #land(job: CollectJob, events: readonly WaitingEvent[], last: string): Promise<void> {
    const part = job.collector.events ?? {};
    const taken = events
      .filter(({ event }) => takes(part, event))
      .map((waiting) => ({ waiting, row: rowOf(part, waiting.event, waiting.receivedAt), isSubstitute: false }));
    let from = 0;
    for (let to = taken.length; from < taken.length || from === 0;) {
      const piece = taken.slice(from, to);
      const position = to === taken.length ? last : (piece.at(-1)?.waiting.id ?? last);
      try {
        await this.#landRows(job, piece, position);
        if (to === taken.length) break;
        [from, to] = [to, taken.length];
      } catch (error) {
        if (!isPoison(error) || piece.length === 0) throw error;
        const [only] = piece;
        if (piece.length === 1 && only) {
          if (only.isSubstitute) throw error;
          taken[from] = { ...only, row: substitute(only.row, job.dataset, this.#options.maxValueBytes), isSubstitute: true };
          continue;
        }
        // Those before it, then it alone; where it is not told which, half of them.
        const at = refusedRow(error, piece.length) ?? Math.floor(piece.length / 2);
        to = at === 0 ? from + 1 : from + at;
      }
    }
  }

  async #landRows(job: CollectJob, rows: readonly { readonly waiting: WaitingEvent; readonly row: string }[], id: string): Promise<void> {
    const source = job.collector.source;
    const first = rows[0]?.waiting.receivedAt;
    await job.land({
      // A blank line is no row, where none of them is taken.
      source: { content: rows.map(({ row }) => `${row}\n`).join('') || '\n' },
      format: 'ndjson',
      eachAlone: true,
      position: { id },
      positionOf: (line) => {
        const event = rows[line - 1]?.waiting.event;
        return event && `events/${source}@${idOf(event).slice(0, SHOWN)}`;
      },
      ...(first && { receivedAt: first }),
      inTransaction: (tx) => deletePassed(tx, source),
    });
  }
}

function positionOf(position: unknown): string {
  const id = (position as { readonly id?: unknown } | undefined)?.id;
  return typeof id === 'string' ? id : '0';
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
