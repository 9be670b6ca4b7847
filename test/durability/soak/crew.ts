import { setTimeout as pause } from 'node:timers/promises';
import type { Site } from '../harness/site';
import type { WorkerProcess } from '../harness/worker';
import type { SoakPlan } from './plan';
import type { Recoveries } from './recoveries';

/** For how long a worker that was frozen goes on. */
const zombieMs = 2000;

/** Workflow tasks that a worker has in hand: one that has just started, and has all builds to get to know, does so many in time. */
const tasksInHand = 10;

/** What is done to them, the rarest first. */
const acts = ['kill all', 'kill server', 'freeze', 'kill worker'] as const;
type Act = (typeof acts)[number];

/** The workers and the Temporal server, and who kills them. */
export class Crew {
  workerKills = 0;
  serverKills = 0;
  freezes = 0;
  private readonly workers: WorkerProcess[] = [];
  /** Until each worker that was frozen has woken up and is gone. */
  private readonly zombies: Promise<void>[] = [];
  /** One act at a time: a worker cannot start while the server is dead. */
  private acting: Promise<void> | undefined;
  /**
   * What is to be done when the act that is going on is over, one of each kind, the rarest first. On a slow machine more comes
   * meanwhile; doing all of it would leave nobody at work, and kills for minutes after the last.
   */
  private readonly due = new Map<Act, () => Promise<void>>();

  constructor(
    private readonly site: Site,
    private readonly recoveries: Recoveries,
  ) {}

  async hire(count: number): Promise<void> {
    const { site, recoveries } = this;
    const heard = recoveries.heard.bind(recoveries);
    const hired = Array.from({ length: count }, () =>
      site.startWorker(site.server, site.taskQueue, { hasThread: true, tasks: tasksInHand }, heard),
    );
    this.workers.push(...(await Promise.all(hired)));
  }

  /** Kills as planned, until it is over. */
  async killAsPlanned({ workerKills, serverKills, killsOfAll, freezes }: SoakPlan, over: AbortSignal): Promise<void> {
    const kills: { at: number; kind: Act; act: () => Promise<void> }[] = [
      ...killsOfAll.map(({ at, deadFor }) => ({ at, kind: 'kill all' as const, act: () => this.killAll(deadFor) })),
      ...serverKills.map(({ at, deadFor }) => ({
        at,
        kind: 'kill server' as const,
        act: () => this.killServer(deadFor),
      })),
      ...freezes.map(({ at, frozenFor }) => ({ at, kind: 'freeze' as const, act: () => this.freezeWorker(frozenFor) })),
      ...workerKills.map((at) => ({ at, kind: 'kill worker' as const, act: () => this.killWorker() })),
    ];
    await atTheirTimes(kills, over, ({ kind, act }) => {
      this.due.set(kind, act);
      this.acting ??= this.actInTurn().finally(() => (this.acting = undefined));
      return Promise.resolve();
    });
    await this.acting;
    // What they do belongs to what is judged.
    await Promise.all(this.zombies);
  }

  private async actInTurn(): Promise<void> {
    for (;;) {
      const kind = acts.find((one) => this.due.has(one));
      if (kind === undefined) return;
      const act = this.due.get(kind)!;
      this.due.delete(kind);
      await act();
    }
  }

  private async killWorker(): Promise<void> {
    const worker = this.workers.shift()!;
    await worker.kill();
    this.workerKills += 1;
    this.recoveries.died(worker.pid);
    await this.hire(1);
  }

  /** A worker stands still, off the list of those that are killed, while another takes over; then it goes on as if nothing had been. */
  private async freezeWorker(frozenFor: number): Promise<void> {
    const worker = this.workers.shift()!;
    worker.freeze();
    this.freezes += 1;
    await this.hire(1);
    this.zombies.push(
      pause(frozenFor).then(async () => {
        worker.wake();
        // Time enough for it to do whatever it thinks it has to do.
        await pause(zombieMs);
        await worker.drain();
      }),
    );
  }

  private async killServer(deadFor: number): Promise<void> {
    await this.site.server.kill();
    this.serverKills += 1;
    await pause(deadFor);
    await this.site.server.startAgain();
  }

  /** Nobody is there any more but the cloud. */
  private async killAll(deadFor: number): Promise<void> {
    const workers = this.workers.splice(0);
    await Promise.all(workers.map((worker) => worker.kill()));
    this.workerKills += workers.length;
    for (const { pid } of workers) this.recoveries.died(pid);
    await this.killServer(deadFor);
    await this.hire(workers.length);
  }

  async dismiss(): Promise<void> {
    await this.acting?.catch(() => undefined);
    await Promise.all(this.zombies);
    await Promise.all(this.workers.map((worker) => worker.kill()));
  }
}

/** Does each at its time, in milliseconds from now, until it is over. */
export async function atTheirTimes<T extends { at: number }>(
  list: T[],
  over: AbortSignal,
  act: (one: T) => Promise<void>,
): Promise<void> {
  const start = performance.now();
  for (const one of [...list].sort((a, b) => a.at - b.at)) {
    const left = one.at - (performance.now() - start);
    if (left > 0) await pause(left, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return;
    await act(one);
  }
}
