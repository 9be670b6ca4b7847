import type { ActivitySettings } from '../settings';

/** Says how long to wait until the next look at something, so that waiting costs few calls and little time. */
export class Pace {
  private readonly since = performance.now();
  private first: { percent: number; at: number } | undefined;

  constructor(private readonly waits: ActivitySettings['waits']) {}

  /**
   * With a percentage: half of the time that it predicts is left. Without: a share of the time already waited.
   *
   * @param percent what the API says, 0 to 100
   * @returns milliseconds
   */
  next(percent?: number): number {
    const now = performance.now();
    const { percentMinSeconds, percentMaxSeconds, minSeconds, maxSeconds, growth } = this.waits;
    if (percent !== undefined) {
      this.first ??= { percent, at: now };
      const gained = percent - this.first.percent;
      if (gained > 0) {
        const left = ((now - this.first.at) / gained) * (100 - percent);
        return clamp(left / 2, percentMinSeconds * 1000, percentMaxSeconds * 1000);
      }
    }
    return clamp((now - this.since) * growth, minSeconds * 1000, maxSeconds * 1000);
  }
}

/** Pauses that double with every refusal in a row, with some jitter so that many builds do not come back at once. */
export class Backoff {
  private refusals = 0;

  constructor(private readonly backoff: ActivitySettings['backoff']) {}

  /** @returns milliseconds */
  next(): number {
    const { minSeconds, maxSeconds } = this.backoff;
    const full = Math.min(maxSeconds, minSeconds * 2 ** Math.min(this.refusals, 10)) * 1000;
    this.refusals += 1;
    return full * (1 + Math.random() / 4);
  }

  reset(): void {
    this.refusals = 0;
  }
}

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
