import { randomBytes } from 'node:crypto';
import { openServer, type Server } from './server';
import type { WorkerProcess } from './worker';

/** A Temporal server, and a task queue with its workers, that a scenario has for itself while it is played. */
export interface Place {
  server: Server;
  taskQueue: string;
  /** They are given nothing particular. */
  workers: WorkerProcess[];
}

/** What a scenario needs of a place. */
export interface Needs {
  /** A server of its own, which may be killed. */
  ownServer: boolean;
  workers: number;
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
    private readonly startWorker: (server: Server, taskQueue: string) => Promise<WorkerProcess>,
  ) {}

  async take({ ownServer, workers }: Needs): Promise<Place> {
    const place = this.freeOne(ownServer, workers) ?? {
      server: ownServer ? await openServer() : this.shared,
      taskQueue: `durability-${randomBytes(4).toString('hex')}`,
      workers: [],
    };
    // One more than the scenario knows of would take over what it kills.
    await Promise.all(place.workers.splice(workers).map((worker) => worker.kill()));
    const missing = Array.from({ length: workers - place.workers.length }, () =>
      this.startWorker(place.server, place.taskQueue),
    );
    place.workers.push(...(await Promise.all(missing)));
    return place;
  }

  /** The one with as many workers as are needed, or nearly. */
  private freeOne(ownServer: boolean, workers: number): Place | undefined {
    const [best] = this.free
      .filter(({ server }) => (server !== this.shared) === ownServer)
      .sort((one, other) => Math.abs(one.workers.length - workers) - Math.abs(other.workers.length - workers));
    if (best) this.free.splice(this.free.indexOf(best), 1);
    return best;
  }

  /** @param workers those that are as they were when they were started */
  giveBack({ server, taskQueue }: Place, workers: WorkerProcess[]): void {
    this.free.push({ server, taskQueue, workers });
  }

  async close(place: Place): Promise<void> {
    await Promise.all(place.workers.map((worker) => worker.kill()));
    if (place.server !== this.shared) await place.server.stop();
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.free.splice(0).map((place) => this.close(place)));
  }
}
