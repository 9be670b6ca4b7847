import { setTimeout as sleep } from 'node:timers/promises';
import { CloudError } from './errors';

/** How long a look-up waits for company, in milliseconds: short for a person, long for a computer. */
const gatherMilliseconds = 20;
/** How old an answer may be that came along with somebody else's: just long enough to be picked up. */
const freshMilliseconds = 100;

interface Sleeper {
  /** From here on a request that goes out for somebody else takes this one along. */
  from: number;
  wake: () => void;
}

/**
 * Look-ups by ID that share their requests. All that are asked for at about the same time go into one Describe of up to
 * 100 IDs; and when a request goes out, whoever waits for the next look at something and is half-way there is served by
 * it too. So a hundred builds that wait for a hundred images cost hardly more calls than one.
 */
export class Looker<T> {
  private readonly asked = new Map<
    string,
    { resolve: (found: T | undefined) => void; reject: (error: unknown) => void }[]
  >();
  private readonly sleepers = new Map<string, Sleeper[]>();
  private readonly broughtAlong = new Map<string, { found: T | undefined; at: number }>();
  private gathering = false;

  /**
   * @param describe answers those of the IDs that exist
   * @param idOf ID of an answer
   * @param batchSize the most IDs that one request takes
   */
  constructor(
    private readonly describe: (ids: string[]) => Promise<T[]>,
    private readonly idOf: (found: T) => string | undefined,
    private readonly batchSize = 100,
  ) {}

  /** The resource as it is now; undefined when the cloud does not know the ID. */
  look(id: string): Promise<T | undefined> {
    const along = this.broughtAlong.get(id);
    this.broughtAlong.delete(id);
    if (along && performance.now() - along.at < freshMilliseconds) return Promise.resolve(along.found);
    return new Promise((resolve, reject) => {
      const others = this.asked.get(id);
      if (others) others.push({ resolve, reject });
      else this.asked.set(id, [{ resolve, reject }]);
      if (!this.gathering) {
        this.gathering = true;
        setTimeout(() => void this.send(), gatherMilliseconds);
      }
    });
  }

  /**
   * Waits before the next look at a resource: at most `milliseconds`, and less when another request takes it along.
   *
   * @throws the signal's reason, when it aborts
   */
  async pause(id: string, milliseconds: number, signal: AbortSignal): Promise<void> {
    const wake = new AbortController();
    const sleeper: Sleeper = { from: Date.now() + milliseconds / 2, wake: () => wake.abort() };
    this.sleepers.set(id, [...(this.sleepers.get(id) ?? []), sleeper]);
    try {
      await sleep(milliseconds, undefined, { signal: AbortSignal.any([signal, wake.signal]) });
    } catch {
      signal.throwIfAborted();
    } finally {
      const others = (this.sleepers.get(id) ?? []).filter((other) => other !== sleeper);
      if (others.length > 0) this.sleepers.set(id, others);
      else this.sleepers.delete(id);
    }
  }

  private async send(): Promise<void> {
    this.gathering = false;
    const asked = new Map(this.asked);
    this.asked.clear();
    const { batchSize } = this;
    const now = Date.now();
    const along = [...this.sleepers].filter(([id, all]) => !asked.has(id) && all.some(({ from }) => from <= now));
    const room = (batchSize - (asked.size % batchSize)) % batchSize;
    const ids = [...asked.keys(), ...along.slice(0, room).map(([id]) => id)];
    const batches: Promise<void>[] = [];
    for (let start = 0; start < ids.length; start += batchSize) {
      batches.push(this.sendBatch(ids.slice(start, start + batchSize), asked));
    }
    await Promise.all(batches);
  }

  private async sendBatch(ids: string[], asked: typeof this.asked): Promise<void> {
    if (ids.length === 0) return;
    try {
      const found = new Map((await this.describe(ids)).map((one) => [this.idOf(one), one]));
      for (const id of ids) {
        asked.get(id)?.forEach(({ resolve }) => resolve(found.get(id)));
        if (!asked.has(id)) {
          this.broughtAlong.set(id, { found: found.get(id), at: performance.now() });
          this.sleepers.get(id)?.forEach(({ wake }) => wake());
        }
      }
    } catch (error) {
      const own = ids.filter((id) => asked.has(id));
      if (ids.length > 1 && mayBeOfOne(error)) {
        const half = Math.ceil(own.length / 2);
        await Promise.all([own.slice(0, half), own.slice(half)].map((some) => this.sendBatch(some, asked)));
        return;
      }
      for (const id of own) asked.get(id)?.forEach(({ reject }) => reject(error));
    }
  }
}

/** Whether a request of many may have been refused for the sake of one of them: malformed, or not allowed to be seen. */
const mayBeOfOne = (error: unknown) =>
  error instanceof CloudError && (error.kind === 'refused' || error.code.includes('Unauthorized'));
