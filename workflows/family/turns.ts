import { ApplicationFailure, patched } from '@temporalio/workflow';
import type { BuildRef, FamilyPlace, FamilyProgress } from '../../contract';
import { now } from '../clock';
import { stepFailure } from '../failures';

/** Patch: no region waits for what is done in another one. */
const queuePerRegion = 'queue-per-region';

/** What every part of a family's work has to do with. */
export interface FamilyWork {
  family: string;
  turns: Turns;
  refOf: (place: FamilyPlace) => BuildRef;
  /** To be called when there is something else to remember. */
  remember: () => void;
}

/** What is done for a family: in each region one thing at a time, in the order in which it was asked for. */
export class Turns {
  /** By region: ends when everything that was asked for there so far is done. */
  private readonly queues = new Map<string, Promise<unknown>>();
  /** Likewise of all regions, of when they were no queues of their own. */
  private queue: Promise<unknown> = Promise.resolve();
  /** By region: what is done there now. */
  private readonly doing = new Map<string, string>();
  private waiting = 0;

  /** @param changed called when something begins or ends */
  constructor(
    private readonly progress: FamilyProgress,
    private readonly changed: () => void,
  ) {}

  /** Nothing is done, and nothing waits. */
  get isIdle(): boolean {
    return this.waiting === 0;
  }

  /** Does one thing after all that were asked for before in its region. A failure is its own, and not that of what comes next. */
  async next<T>({ region }: FamilyPlace, what: string, work: () => Promise<T>): Promise<T> {
    this.waiting += 1;
    const isOfRegion = patched(queuePerRegion);
    const before = (isOfRegion ? this.queues.get(region) : undefined) ?? this.queue;
    const done = (async () => {
      await before.catch(() => undefined);
      this.doing.set(region, what);
      this.show();
      return work();
    })();
    const end = done.catch(() => undefined);
    if (isOfRegion) this.queues.set(region, end);
    else this.queue = end;
    try {
      const result = await done;
      this.progress.last = `${now()} ${what}: done`;
      return result;
    } catch (error) {
      const { code, message, advice, requestId, imageState } = stepFailure(error);
      this.progress.last = `${now()} ${what}: ${message}`;
      const details = [{ code, message, advice, requestId, imageState }];
      throw ApplicationFailure.create({ type: code, message, nonRetryable: true, details });
    } finally {
      this.waiting -= 1;
      this.doing.delete(region);
      this.show();
    }
  }

  private show(): void {
    const [one, ...more] = [...this.doing];
    if (!one) delete this.progress.doing;
    else if (more.length === 0) this.progress.doing = one[1];
    else this.progress.doing = [one, ...more].map(([region, what]) => `${region}: ${what}`).join('; ');
    this.changed();
  }
}
