/** A random source that gives the same numbers for the same seed (mulberry32). */
export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  upTo(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** One of them; undefined when there is none. */
  one<T>(rows: readonly T[]): T | undefined {
    return rows[this.upTo(rows.length)];
  }

  /** One of them; there must be one. */
  pick<T>(rows: readonly T[]): T {
    return rows[this.upTo(rows.length)]!;
  }

  /** From `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.upTo(most - least + 1);
  }

  some<T>(rows: readonly T[], most: number): T[] {
    return Array.from({ length: Math.min(rows.length, 1 + this.upTo(most)) }, () => this.one(rows)!);
  }
}
