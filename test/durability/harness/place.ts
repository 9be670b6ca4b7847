import { randomBytes } from 'node:crypto';
import { openServer, type Server } from './server';
import type { WorkerProcess, WorkerWithKey } from './worker';

/** A Temporal server, and a task queue with its workers, that a scenario has for itself while it is played. */
export interface Place {
  server: Server;
  taskQueue: string;
  /** They all have this form. */
  workers: WorkerProcess[];
  form: WorkerWithKey;
}

/** What a scenario needs of a place. */
export interface Needs {
  /** A server of its own, which may be killed. */
  ownServer: boolean;
  workers: number;
  form?: WorkerWithKey;
}

/**
 * Places for scenarios. Starting processes costs more than all that scenarios do: what one of them leaves whole, the next one
 * goes on with.
 */
export class Places {
  private readonly free: Place[] = [];

  /** @param shared the server of places that need none of their own */
  constructor(
    private readonly shared: Server,
    private readonly startWorker: (server: Server, taskQueue: string, form: WorkerWithKey) => Promise<WorkerProcess>,
  ) {}

  async take({ ownServer, workers, form = {} }: Needs): Promise<Place> {
    const found = this.freeOne(ownServer, workers, form);
    const server = found?.server ?? (ownServer ? await openServer() : this.shared);
    const taskQueue = found?.taskQueue ?? `durability-${randomBytes(4).toString('hex')}`;
    const there = found?.workers ?? [];
    // One more than the scenario knows of would take over what it kills.
    const kept = found && sameForm(found.form, form) ? there.splice(0, workers) : [];
    await Promise.all(there.map((worker) => worker.kill()));
    const missing = Array.from({ length: workers - kept.length }, () => this.startWorker(server, taskQueue, form));
    return { server, taskQueue, form, workers: [...kept, ...(await Promise.all(missing))] };
  }

  /** The one with as many workers of the form as are needed, or nearly; then one where fewest are lost. */
  private freeOne(ownServer: boolean, workers: number, form: WorkerWithKey): Place | undefined {
    const cost = (place: Place) =>
      sameForm(place.form, form) ? Math.abs(place.workers.length - workers) : workers + place.workers.length;
    const [best] = this.free
      .filter(({ server }) => (server !== this.shared) === ownServer)
      .sort((one, other) => cost(one) - cost(other));
    // Without a server of its own, a place is nothing but its workers.
    if (!best || (!ownServer && !sameForm(best.form, form))) return undefined;
    this.free.splice(this.free.indexOf(best), 1);
    return best;
  }

  /** @param workers those that are as they were when they were started */
  giveBack(place: Place, workers: WorkerProcess[]): void {
    this.free.push({ ...place, workers });
  }

  async close(place: Place): Promise<void> {
    await Promise.all(place.workers.map((worker) => worker.kill()));
    if (place.server !== this.shared) await place.server.stop();
  }

  /** Closes those that are free: one that nobody needs any more takes its share of the machine all the same. */
  async closeFree(which: (needs: Pick<Needs, 'ownServer'>) => boolean = () => true): Promise<void> {
    const closing = this.free.filter(({ server }) => which({ ownServer: server !== this.shared }));
    for (const place of closing) this.free.splice(this.free.indexOf(place), 1);
    await Promise.all(closing.map((place) => this.close(place)));
  }
}

const sameForm = (one: WorkerWithKey, other: WorkerWithKey) => JSON.stringify(one) === JSON.stringify(other);
