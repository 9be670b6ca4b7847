import { CancellationScope, sleep } from '@temporalio/workflow';
import { formatSeconds, type RestoreOutcome } from '../contract';
import { now, secondsBetween } from './clock';
import type { Journal } from './journal';

/** How a source is left that was started again. */
const upAgain = 'RUNNING again';

/** What a build has done to its source, and owes it: one that was running is to run again. */
export class Source {
  /** Seconds of each down-time that is over. */
  readonly downTimes: number[] = [];
  /** Set while the source has to be started again, by the procedure or by undoing. */
  private restart: { unknownOutcome: boolean; onlyIfClaimed?: boolean } | undefined;
  /** The source was found down with our restore tag, so that it has to be started whatever this build does. */
  private claimed = false;
  /** What it had gone through last when it was up again. */
  operation: string | undefined;
  private down: { since: string | undefined } | undefined;
  /** How it was left, in words. */
  private left: string | undefined;
  private restoring: Promise<void> | undefined;
  private alarm: CancellationScope | undefined;

  /** @param alert told when the source has been down for longer than `seconds`; absent: nobody is to be told */
  constructor(
    private readonly instanceId: string,
    private readonly journal: Journal,
    private readonly alert: { seconds: number; call: (message: string) => void } | undefined,
  ) {}

  /** From here on it has to run again in the end. */
  willRestart(because: { claimed: boolean } = { claimed: false }): void {
    this.claimed ||= because.claimed;
    // Until the stop is known to be over, one may be in flight whose answer nobody got.
    this.restart = { unknownOutcome: true };
    this.armAlarm();
  }

  /** Whether a run before this one took it down is not known: its restore tag will say. */
  mayBeDown(): void {
    this.restart = { unknownOutcome: true, onlyIfClaimed: true };
  }

  /** It has been looked at. @param claimed it carries our restore tag */
  inspected(claimed: boolean): void {
    this.restart = undefined;
    if (claimed) this.willRestart({ claimed });
  }

  /** The stop turned out never to have been asked for. */
  untouched(): void {
    if (this.claimed) return;
    this.restart = undefined;
    this.disarm();
  }

  isDown(askedAt: string | undefined): void {
    if (this.restart) this.restart.unknownOutcome = false;
    this.down = { since: askedAt };
    if (this.restart) this.journal.sourceDown(askedAt ?? now());
  }

  get hasToRestart(): boolean {
    return this.restart !== undefined;
  }

  /** Whether this build has taken it down at least once. */
  get wentDown(): boolean {
    return this.downTimes.length > 0 || this.down?.since !== undefined;
  }

  isUp({ runningAt, tagLeft, operation }: Omit<RestoreOutcome, 'outcome'>): void {
    this.operation = operation;
    this.restart = undefined;
    this.disarm();
    this.journal.sourceDown(undefined);
    if (tagLeft !== undefined) this.journal.note('restoreInstance', `the restore tag is still there: ${tagLeft}`);
    if (this.down?.since !== undefined && runningAt !== undefined) {
      this.downTimes.push(secondsBetween(this.down.since, runningAt));
    }
    this.down = undefined;
    this.left = upAgain;
  }

  /** It no longer exists, or was not ours to start. */
  isOut(how: string): void {
    this.restart = undefined;
    this.disarm();
    this.journal.sourceDown(undefined);
    this.down = undefined;
    this.left = how;
  }

  /** It could not be started: somebody has interfered with the activity that does. */
  isLeftDown(why: string): void {
    this.left = `NOT started again: ${why}`;
  }

  /** Starts it again if it has to be; whoever asks while that is under way waits for the same. */
  restore(start: (how: { unknownOutcome: boolean; onlyIfClaimed?: boolean }) => Promise<void>): Promise<void> {
    if (!this.restart) return this.restoring ?? Promise.resolve();
    this.restoring ??= start(this.restart).finally(() => (this.restoring = undefined));
    return this.restoring;
  }

  /** Whether it was last brought up again. */
  get isUpAgain(): boolean {
    return this.left === upAgain;
  }

  /** How it was left, for a failure; undefined when the build never touched it. */
  get story(): string | undefined {
    if (this.left === undefined) return undefined;
    const took = this.downTimes.length === 0 ? '' : `, after ${this.downTimes.map(formatSeconds).join(' and ')}`;
    return `${this.instanceId} is ${this.left}${took} (${now()})`;
  }

  private armAlarm(): void {
    const { alert } = this;
    if (!alert || this.alarm) return;
    const waiting = CancellationScope.nonCancellable(() => {
      this.alarm = new CancellationScope();
      return this.alarm.run(() => sleep(alert.seconds * 1000, { summary: `alarm: ${this.instanceId} is still down` }));
    });
    waiting.then(
      () => alert.call(`${this.instanceId} has been down for ${formatSeconds(alert.seconds)}`),
      () => undefined,
    );
  }

  private disarm(): void {
    this.alarm?.cancel();
    this.alarm = undefined;
  }
}
