import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HeadgateError } from '../../src/kernel/index.js';
import { AttemptLostError, MOST_ATTEMPTS, RUN_TRANSITIONS, type RunEvent, type RunStatus } from '../../src/lifecycle/index.js';
import { createWorld, type World } from './setup.js';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(async () => {
  await world?.close();
});

/** What SPEC.md says of one run, kept beside the real one. */
interface Model {
  status: RunStatus;
  attempt: number;
  resumable: boolean;
  tries: number;
  lapses: number;
  /** Whether it was given up and may be redriven. */
  isDead: boolean;
  isWaiting: boolean;
}

interface Real {
  readonly id: string;
}

/** As in setup.ts. */
const TRIES = 4;
const WRITES = ['BEAT', 'FINISH', 'FAIL', 'RETRY', 'ADVANCE', 'RELEASE'] as const;
type Written = (typeof WRITES)[number];

/** A try of an attempt, the newest or one that may have lost the run, to write something. */
class Write implements fc.AsyncCommand<Model, Real> {
  readonly event: Written;
  readonly behind: number;
  constructor(event: Written, behind: number) {
    this.event = event;
    this.behind = behind;
  }
  check(model: Model): boolean {
    return model.attempt - this.behind >= 1;
  }
  async run(model: Model, { id }: Real): Promise<void> {
    const attempt = model.attempt - this.behind;
    const { event } = this;
    const isOpen = event === 'RELEASE' ? model.resumable : event !== 'RETRY' || (model.resumable && model.tries + 1 < TRIES);
    const next = this.behind === 0 && isOpen ? RUN_TRANSITIONS[model.status][event === 'ADVANCE' ? 'BEAT' : event] : undefined;
    same(await this.write({ id, attempt }), next !== undefined);
    if (next) {
      model.status = next;
      if (event === 'RETRY') Object.assign(model, { tries: model.tries + 1, isWaiting: true });
      if (event === 'ADVANCE') Object.assign(model, { tries: 0, lapses: 0 });
    }
    await agrees(model, id);
  }
  async write(run: { id: string; attempt: number }): Promise<boolean> {
    const { runs, database } = world;
    if (this.event === 'FAIL') return runs.fail(run, new Error('x'));
    if (this.event === 'RELEASE') return runs.release(run);
    if (this.event === 'RETRY') return runs.retry(run, new HeadgateError('UNAVAILABLE', 'x'));
    if (this.event === 'ADVANCE')
      return runs.advance(database, run).then(
        () => true,
        () => false,
      );
    return (this.event === 'BEAT' ? runs.beat(run) : database.transaction((tx) => runs.finish(tx, run))).then(
      () => true,
      (error: unknown) => {
        if (error instanceof AttemptLostError) return false;
        throw error;
      },
    );
  }
  toString(): string {
    return `${this.event}(attempt - ${this.behind})`;
  }
}

class Claim implements fc.AsyncCommand<Model, Real> {
  check(): boolean {
    return true;
  }
  async run(model: Model, { id }: Real): Promise<void> {
    const next = model.isWaiting ? undefined : RUN_TRANSITIONS[model.status].CLAIM;
    const claimed = await world.runs.claim(id, 'w');
    same(claimed !== undefined, next !== undefined);
    if (next) {
      model.status = next;
      model.attempt += 1;
    }
    await agrees(model, id);
  }
  toString(): string {
    return 'CLAIM';
  }
}

class Cancel implements fc.AsyncCommand<Model, Real> {
  check(): boolean {
    return true;
  }
  async run(model: Model, { id }: Real): Promise<void> {
    const next = RUN_TRANSITIONS[model.status].CANCEL;
    const outcome = await world.runs.cancel(id).then(
      (run) => run.status,
      (error: unknown) => (error as HeadgateError).code,
    );
    same(outcome, next ?? 'CONFLICT');
    model.status = next ?? model.status;
    await agrees(model, id);
  }
  toString(): string {
    return 'CANCEL';
  }
}

/** What a run waits for is over. */
class Wait implements fc.AsyncCommand<Model, Real> {
  check(model: Model): boolean {
    return model.isWaiting;
  }
  async run(model: Model, { id }: Real): Promise<void> {
    await world.database.query("UPDATE headgate.run SET not_before = now() - interval '1 second' WHERE id = $1", [id]);
    model.isWaiting = false;
    await agrees(model, id);
  }
  toString(): string {
    return 'WAIT';
  }
}

/** Its job was rejected too often. */
class Abandon implements fc.AsyncCommand<Model, Real> {
  check(): boolean {
    return true;
  }
  async run(model: Model, { id }: Real): Promise<void> {
    const next = RUN_TRANSITIONS[model.status].ABANDON;
    await world.runs.abandon(id);
    if (next) Object.assign(model, { status: next, isDead: model.resumable });
    await agrees(model, id);
  }
  toString(): string {
    return 'ABANDON';
  }
}

/** The sweep; the run's heartbeat is old or fresh. */
class Sweep implements fc.AsyncCommand<Model, Real> {
  readonly silent: boolean;
  constructor(silent: boolean) {
    this.silent = silent;
  }
  check(): boolean {
    return true;
  }
  async run(model: Model, { id }: Real): Promise<void> {
    if (this.silent) await world.database.query("UPDATE headgate.run SET heartbeat_at = heartbeat_at - interval '1 minute' WHERE id = $1", [id]);
    const event: RunEvent = model.resumable && model.lapses + 1 < MOST_ATTEMPTS ? 'LAPSE_RESUMABLE' : 'LAPSE_FINAL';
    await world.runs.recover();
    const next = this.silent ? RUN_TRANSITIONS[model.status][event] : undefined;
    if (next) {
      model.status = next;
      if (event === 'LAPSE_RESUMABLE') model.lapses += 1;
      else model.isDead = model.resumable;
    }
    await agrees(model, id);
  }
  toString(): string {
    return `SWEEP(${this.silent ? 'silent' : 'alive'})`;
  }
}

function same(actual: unknown, expected: unknown): void {
  expect(actual).toEqual(expected);
}

/** The invariants of SPEC.md that one row can break. */
async function agrees(model: Model, id: string): Promise<void> {
  const run = await world.runs.get(id);
  const { isDead, isWaiting, ...columns } = model;
  expect(run).toMatchObject(columns);
  expect(run.deadLetteredAt !== null).toBe(isDead);
  if (run.status === 'QUEUED') expect(run.notBefore !== null && run.notBefore > new Date()).toBe(isWaiting);
  // Why the try before did not succeed is told as long as there was one.
  if (run.tries > 0) expect(run.lastError).toMatchObject({ code: 'UNAVAILABLE' });
  const over = ['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(run.status);
  expect(run.finishedAt !== null).toBe(over);
  expect(run.heartbeatAt !== null).toBe(run.status === 'RUNNING');
  expect(run.errorCode !== null).toBe(run.status === 'FAILED');
  // One that no worker could take was abandoned.
  expect(isDead || run.attempt > 0 || run.status === 'QUEUED' || run.status === 'CANCELLED').toBe(true);
  const [jobs] = await world.database.query<{ open: number }>("SELECT count(*)::int AS open FROM pgboss.job WHERE data->>'id' = $1", [id]);
  // No worker takes jobs in this test, so one is there for each time that the run was queued.
  if (run.status === 'QUEUED') expect(jobs?.open).toBeGreaterThan(0);
  // No job of a run that waits is handed out before its time, but for one of an earlier wait, which finds nothing to take.
  if (isWaiting && run.status === 'QUEUED') {
    const [last] = await world.database.query<{ at: Date }>("SELECT max(start_after) AS at FROM pgboss.job WHERE data->>'id' = $1", [id]);
    expect(last?.at).toEqual(run.notBefore);
  }
}

test('the real run does what the table of states and events says, whatever happens in whatever order', async () => {
  const commands = [
    fc.constant(new Claim()),
    fc.constant(new Cancel()),
    fc.constant(new Wait()),
    fc.constant(new Abandon()),
    fc.boolean().map((silent) => new Sweep(silent)),
    fc.tuple(fc.constantFrom(...WRITES), fc.nat(2)).map(([event, behind]) => new Write(event, behind)),
  ];
  const result = await fc.check(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 25 }), fc.boolean(), async (history, resumable) => {
      const { run } = await world.database.transaction((tx) => {
        const request = { kind: 'PIPELINE', pipeline: 'p', requestedBy: 'ann' } as const;
        return resumable ? world.runs.submit(tx, request) : world.runs.begin(tx, request, 'w');
      });
      const model = (): Model => ({
        status: resumable ? 'QUEUED' : 'RUNNING',
        attempt: resumable ? 0 : 1,
        resumable,
        tries: 0,
        lapses: 0,
        isDead: false,
        isWaiting: false,
      });
      await fc.asyncModelRun(() => ({ model: model(), real: { id: run.id } }), history);
    }),
    { numRuns: 60 },
  );
  expect((await fc.asyncDefaultReportMessage(result)) ?? 'holds').toBe('holds');
});
