import type { Actor } from '../audit/index.js';
import type { Limits } from '../config/index.js';
import { clientKey, networkOf, type Principal } from '../identity/index.js';
import { HeadgateError } from '../kernel/index.js';
import { RateLimiter } from './rate-limiter.js';
import type { SharedCounts } from './shared-counts.js';

export interface GateOptions {
  readonly limits: Pick<Limits, 'rateLimit' | 'rateLimitAnonymous' | 'rateLimitIntrospection'> & Partial<Pick<Limits, 'rateLimitEvents'>>;
  /** Where all processes count together; each for itself when absent. */
  readonly counts?: SharedCounts;
  readonly overload: { readonly isOver: boolean };
  /** Takes each refusal to the record. */
  readonly tally: { note(actor: Actor, refusal: { readonly code: string; readonly reason: string }): void };
}

/** Nobody knows who it was. */
const UNKNOWN: Actor = { subject: 'unknown', roles: [] };
/** Seconds: what is refused for load can be tried again soon. */
const RETRY_AFTER = 1;

/**
 * Who comes in, and how often. Every route that does work, and every operation that comes by another way than a request,
 * passes here: `pass` first, `admit` when it is known who asks. Nothing that a client writes into a header counts.
 */
export class Gate {
  readonly #options: GateOptions;
  readonly #known: RateLimiter;
  readonly #anonymous: RateLimiter;
  readonly #introspection: RateLimiter;
  readonly #failed: RateLimiter;
  readonly #events: RateLimiter;

  constructor(options: GateOptions) {
    const { limits, counts } = options;
    this.#options = options;
    this.#known = new RateLimiter('known', limits.rateLimit, counts);
    this.#anonymous = new RateLimiter('anonymous', limits.rateLimitAnonymous, counts);
    this.#introspection = new RateLimiter('introspection', limits.rateLimitIntrospection, counts);
    this.#failed = new RateLimiter('failed', limits.rateLimitAnonymous, counts);
    this.#events = new RateLimiter('events', limits.rateLimitEvents ?? 0, counts);
  }

  /** @throws HeadgateError UNAVAILABLE with `retryAfter` (seconds) while the process has more to do than it can. */
  pass(): void {
    if (!this.#options.overload.isOver) return;
    this.#options.tally.note(UNKNOWN, { code: 'UNAVAILABLE', reason: 'overload' });
    throw new HeadgateError('UNAVAILABLE', 'The server has more to do than it can right now. Try again in a moment.', {
      reason: 'overload',
      retryAfter: RETRY_AFTER,
    });
  }

  /**
   * Counts a request, or an operation on an open connection.
   * @param address of the socket; those without a credential share a bound by it
   * @throws HeadgateError RATE_LIMITED with `limit` (a minute) and `retryAfter` (seconds)
   */
  async admit(principal: Principal, address?: string): Promise<void> {
    const limiter = principal.anonymous ? this.#anonymous : this.#known;
    const retryAfter = await limiter.take(clientKey(principal, address));
    if (retryAfter === 0) return;
    throw this.#refuse(principal, principal.anonymous ? 'anonymous' : 'rate', limiter, retryAfter, 'requests');
  }

  /** Counts a question about the schema, which is dear, beside the request that asks it. @throws HeadgateError RATE_LIMITED as `admit` */
  async admitIntrospection(principal: Principal, address?: string): Promise<void> {
    const retryAfter = await this.#introspection.take(clientKey(principal, address));
    if (retryAfter > 0) throw this.#refuse(principal, 'introspection', this.#introspection, retryAfter, 'requests that ask for the schema');
  }

  /**
   * Counts a credential that was refused, by the network of its socket. Good credentials from there still come in: behind a
   * proxy all have its address.
   * @returns the error to answer with instead, once there were too many
   */
  async refuseCredential(address?: string): Promise<HeadgateError | undefined> {
    const retryAfter = await this.#failed.take(networkOf(address));
    return retryAfter === 0 ? undefined : this.#refuse(UNKNOWN, 'login', this.#failed, retryAfter, 'refused credentials');
  }

  /** Counts a request with events of a source, which all of its senders share. @throws HeadgateError RATE_LIMITED as `admit` */
  async admitEvents(sender: Actor, source: string): Promise<void> {
    const retryAfter = await this.#events.take(source);
    if (retryAfter > 0) throw this.#refuse(sender, 'events', this.#events, retryAfter, 'requests with events of this source');
  }

  /**
   * Counts a request whose sender did not prove to be one, as `refuseCredential` does, and puts it on the record by its number:
   * whoever is refused must not write as fast as the disk can.
   * @param sender who it would have been; nobody where there is no such source
   * @returns the error to answer with instead, once there were too many
   */
  async refuseEvents(sender: Actor | undefined, reason: string, address?: string): Promise<HeadgateError | undefined> {
    const limited = await this.refuseCredential(address);
    if (!limited) this.#options.tally.note(sender ?? UNKNOWN, { code: 'UNAUTHENTICATED', reason });
    return limited;
  }

  #refuse(actor: Actor, reason: string, { perMinute }: RateLimiter, retryAfter: number, what: string): HeadgateError {
    this.#options.tally.note(actor, { code: 'RATE_LIMITED', reason });
    return new HeadgateError(
      'RATE_LIMITED',
      `More than ${perMinute} ${what} in a minute. Try again in ${retryAfter} ${retryAfter === 1 ? 'second' : 'seconds'}.`,
      {
        reason,
        limit: perMinute,
        retryAfter,
      },
    );
  }
}
