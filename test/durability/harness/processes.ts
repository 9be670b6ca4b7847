import { setTimeout as pause } from 'node:timers/promises';
import type { Play } from './play';
import type { Act, Moment, WorkerForm } from './scenario';

/** A worker dies; when the call in the cloud has gone on, another one is started. */
export const killWorker: Act = {
  name: 'SIGKILL of the worker',
  do: async (play) => {
    await play.workers[0]!.kill();
    return () => play.startWorker();
  },
};

/** The Temporal server dies and is started again with its database. The call in the cloud goes on while it is dead. */
export const killTemporal: Act = {
  name: 'SIGKILL of the Temporal server',
  do: async ({ server }) => {
    await server.kill();
    return () => server.startAgain();
  },
};

/** Everything dies at once, except the cloud, and is started again. */
export const killAll: Act = {
  name: 'SIGKILL of workers and Temporal server',
  do: async (play) => {
    await Promise.all(play.workers.map((worker) => worker.kill()));
    await play.server.kill();
    return async () => {
      await play.server.startAgain();
      await play.startWorker();
    };
  },
};

/** Deaths of a server, which needs one of its own. */
export const serverDeaths = [
  { victim: 'Temporal server', act: killTemporal },
  { victim: 'all at once', act: killAll },
];

/** The first worker stands still, and another one takes over what it was at. */
export const freezeWorker: Act = {
  name: 'SIGSTOP of the worker',
  do: (play) => {
    play.workers[0]!.freeze();
    return Promise.resolve(() => play.startWorker());
  },
};

/** Seconds for which a worker that has woken up goes on, with whatever it thinks it has to do: several of its pauses. */
const awake = 2;

/** The first worker wakes up, goes on for a while as if nothing had been, and ends. */
export const wakeWorker: Act = {
  name: 'SIGCONT of the worker',
  do: async (play) => {
    play.workers[0]!.wake();
    await pause(awake * 1000);
    await play.workers[0]!.drain();
  },
};

/**
 * Seconds for which whoever was refused pauses at the least; and how long ago the first refusal in a row may be, and the last one must be,
 * for all who were refused to be in that pause: some steps make several calls at once.
 */
const refused = { pause: 2, firstAtMost: 1.2, lastAtLeast: 0.3 };
/** What was last seen of the fault of a scenario, with when refusals in a row began and ended, in milliseconds. */
const refusals = new WeakMap<Play, { fired: number; looked: number; first: number; last: number }>();

/**
 * When the fault that the scenario armed first has refused two calls or more, and whoever was refused is in its pause, about to try again.
 * A busy machine may be late to notice; then the next refusal is waited for.
 */
export const refusedTwice: Moment = {
  called: 'after two refusals',
  once: async (play) => {
    const looked = performance.now();
    const { fired } = (await play.cloud.send('GET', `faults/${play.injected[0]!.faultId!}`)) as { fired: number };
    const now = performance.now();
    const before = refusals.get(play) ?? { fired: 0, looked, first: 0, last: 0 };
    const isMore = fired > before.fired;
    const inARow = before.looked - before.last < refused.firstAtMost * 1000;
    const first = isMore && !inARow ? before.looked : before.first;
    const last = isMore ? now : before.last;
    refusals.set(play, { fired, looked, first, last });
    const allPause = now - last >= refused.lastAtLeast * 1000 && now - first <= refused.firstAtMost * 1000;
    return fired >= 2 && allPause;
  },
};

/**
 * Holds a worker between two attempts of a call, with that call as the next thing that it has in mind. The pauses are long, so that it is
 * stopped in one of them: between the look at its lease and the call, which is not covered (docs/durability.md), it would not be seen.
 */
export const aboutToCall = {
  worker: {
    polls: 1,
    settings: { backoff: { minSeconds: refused.pause, maxSeconds: refused.pause, blockedSeconds: 0.3 } },
  } satisfies WorkerForm,
  refused: { kind: 'error', code: 'RequestLimitExceeded', message: 'slow down', times: 4 },
};

/** Kills one of the workers every few seconds, in turn, and starts another in its place, until the builds are over. */
export const killInTurn = (seconds: number): Act => ({
  name: `SIGKILL of one of the workers every ${seconds} s`,
  do: async (play) => {
    let kills = 0;
    for (;;) {
      const over = await Promise.all(
        play.builds.map(({ handle }) => handle.describe().then(({ status }) => status.name !== 'RUNNING')),
      );
      if (over.every(Boolean)) break;
      const worker = play.workers.shift()!;
      await worker.kill();
      kills += 1;
      await play.startWorker();
      await pause(seconds * 1000);
    }
    if (kills < 2) throw new Error(`only ${kills} workers were killed`);
  },
});
