import { setTimeout as sleep } from 'node:timers/promises';
import { type Child } from './child';

interface Post {
  child: Child;
  start: () => Promise<Child>;
  /** When it was started again, in milliseconds of the monotonic clock. */
  restarts: number[];
}

/** So many times within a minute, then something is wrong that another start does not mend. */
const restartsAMinute = 5;

/** Keeps programs running: one that dies is started again, at the same place. */
export class Supervisor {
  private readonly posts: Post[] = [];
  private over = false;
  private reportFailure: (error: Error) => void = () => undefined;
  /** Rejects when a program cannot be kept up. */
  readonly failed = new Promise<never>((_, reject) => (this.reportFailure = reject));

  /** @param onNotice told, in a line for people, when a program had to be started again */
  constructor(private readonly onNotice: (line: string) => void) {
    this.failed.catch(() => undefined);
  }

  /** Starts a program and keeps it up. */
  async add(start: () => Promise<Child>): Promise<Child> {
    const post: Post = { child: await start(), start, restarts: [] };
    this.posts.push(post);
    void this.watch(post);
    return post.child;
  }

  /** Stops looking after the programs; they go on. */
  leave(): void {
    this.over = true;
  }

  /** Ends all, the last started first. */
  async stop(): Promise<void> {
    this.over = true;
    for (const { child } of [...this.posts].reverse()) await child.stop();
  }

  private async watch(post: Post): Promise<void> {
    for (;;) {
      const how = await post.child.ended;
      if (this.over) return;
      const { name, logFile } = post.child;
      const now = performance.now();
      post.restarts = [...post.restarts.filter((time) => now - time < 60_000), now];
      if (post.restarts.length > restartsAMinute) {
        this.reportFailure(new Error(`${name} ends again and again (${how}). Its log: ${logFile ?? 'none'}`));
        return;
      }
      await sleep(200);
      if (this.isOver()) return;
      try {
        post.child = await post.start();
      } catch (error) {
        this.reportFailure(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      this.onNotice(`${name} ended (${how}) and was started again.`);
      // Asked to end in the meantime: what has just been started would be forgotten.
      if (this.isOver()) await post.child.stop();
    }
  }

  private isOver(): boolean {
    return this.over;
  }
}
