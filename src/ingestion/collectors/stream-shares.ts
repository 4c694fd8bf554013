import type { Database } from '../../store/index.js';

/** A process that is silent for so long has no share any more; its runs have lapsed by then, or soon will. */
const GONE_SECONDS = 8;

/**
 * The partitions of all streams, shared out to the processes that follow streams: each takes no more than its share, and gives back
 * what is above it, which others have room for. The shares differ by one at the most and make up the whole; the larger ones are of those
 * that are there the longest, so that whoever joins or leaves moves as little as can be.
 */
export class StreamShares {
  readonly #database: Pick<Database, 'query'>;
  readonly #worker: string;
  /** Nothing until this process has been counted. */
  #share = 0;

  constructor({ database, worker }: { readonly database: Pick<Database, 'query'>; readonly worker: string }) {
    this.#database = database;
    this.#worker = worker;
  }

  /** Runs of streams that this process may have. */
  get share(): number {
    return this.#share;
  }

  /** Says that this process is here, and counts anew. */
  async count(): Promise<void> {
    const [counted] = await this.#database.query<{ share: number }>(
      `WITH gone AS (DELETE FROM headgate.stream_worker WHERE seen_at < now() - make_interval(secs => 60) AND worker <> $1),
         self AS (INSERT INTO headgate.stream_worker (worker) VALUES ($1) ON CONFLICT (worker) DO UPDATE SET seen_at = clock_timestamp()),
         others AS (SELECT count(*) AS n, count(*) FILTER (WHERE (since, worker) < (coalesce((SELECT since FROM headgate.stream_worker WHERE worker = $1), now()), $1)) AS older
           FROM headgate.stream_worker WHERE worker <> $1 AND seen_at > now() - make_interval(secs => $2)),
         streams AS (SELECT count(*) AS n FROM headgate.run WHERE collector IS NOT NULL AND status IN ('QUEUED', 'RUNNING') AND input -> 'stream' = 'true')
       SELECT (streams.n / (others.n + 1) + CASE WHEN others.older < streams.n % (others.n + 1) THEN 1 ELSE 0 END)::int AS share FROM others, streams`,
      [this.#worker, GONE_SECONDS],
    );
    this.#share = counted?.share ?? 0;
  }

  /** Leaves: the others' shares grow at once. */
  async leave(): Promise<void> {
    this.#share = 0;
    await this.#database.query('DELETE FROM headgate.stream_worker WHERE worker = $1', [this.#worker]);
  }
}
