import type { ActivityEvent } from '../harness/worker';

/** How soon what the death of a worker interrupted goes on. */
export class Recoveries {
  /** Attempts that are under way, with the process that they are in. */
  private readonly running = new Map<string, number>();
  /** Interrupted activities, with the moment of the death. */
  private readonly waiting = new Map<string, number>();
  private readonly times: number[] = [];
  private interrupted = 0;

  heard({ at, pid, activity }: ActivityEvent): void {
    if (at === 'end') {
      if (this.running.get(activity) === pid) this.running.delete(activity);
      return;
    }
    this.running.set(activity, pid);
    const died = this.waiting.get(activity);
    if (died === undefined) return;
    this.times.push((performance.now() - died) / 1000);
    this.waiting.delete(activity);
  }

  died(pid: number): void {
    for (const [activity, where] of this.running) {
      if (where !== pid) continue;
      this.running.delete(activity);
      this.waiting.set(activity, performance.now());
      this.interrupted += 1;
    }
  }

  /** In seconds. What was not begun again had come to its end: its answer arrived, or its build was terminated or gave up. */
  get summary() {
    const sorted = [...this.times].sort((one, other) => one - other);
    return {
      interrupted: this.interrupted,
      recovered: sorted.length,
      median: sorted[Math.floor(sorted.length / 2)] ?? 0,
      worst: sorted.at(-1) ?? 0,
    };
  }
}
