import { CancellationScope, sleep } from '@temporalio/workflow';
import { formatSeconds, toldWait, type WaitProgress } from '../contract';
import type { StepFailure } from './failures';

/** The deadline of the whole build. Its time stands still while people are waited for. */
export class Deadline {
  /** Whether it has passed. */
  passed = false;
  private leftMs: number;
  private running: { since: number; timer: CancellationScope } | undefined;

  /**
   * @param seconds how long the build may take
   * @param onPassed called when it has taken longer
   */
  constructor(
    private seconds: number,
    private readonly onPassed: () => void,
  ) {
    this.leftMs = seconds * 1000;
  }

  /**
   * What a build that it has overtaken fails with.
   *
   * @param wait what the step that was under way was waiting for, as far as it could say
   */
  failure(wait: WaitProgress | undefined): StepFailure {
    const problem = wait?.problem;
    const advice = 'Give it more time: deadlines.build.';
    return {
      code: 'DeadlineExceeded',
      message: `the build was not done after ${formatSeconds(this.seconds)}${wait ? `: ${toldWait(wait)}` : ''}`,
      advice: problem ? `Find out what holds it up. ${advice}` : advice,
      ...(problem?.requestId === undefined ? {} : { requestId: problem.requestId }),
    };
  }

  start(): void {
    if (this.running || this.passed) return;
    const timer = belowTheSteps();
    this.running = { since: Date.now(), timer };
    const waiting = timer.run(async () => {
      await sleep(this.leftMs, { summary: `deadline of the build: ${formatSeconds(this.leftMs / 1000)}` });
      this.running = undefined;
      this.passed = true;
      this.onPassed();
    });
    // Ends with its own cancellation, or with the build's.
    waiting.catch(() => undefined);
  }

  stop(): void {
    if (!this.running) return;
    const { since, timer } = this.running;
    this.running = undefined;
    this.leftMs = Math.max(0, this.leftMs - (Date.now() - since));
    timer.cancel();
  }

  /** Puts it off by so many seconds. */
  extend(seconds: number): void {
    const goesOn = this.running !== undefined;
    this.stop();
    this.seconds += seconds;
    this.leftMs += seconds * 1000;
    if (goesOn) this.start();
  }

  /** Gives the whole time again: somebody has mended what was in the way. */
  renew(): void {
    this.stop();
    this.passed = false;
    this.leftMs = this.seconds * 1000;
    this.start();
  }
}

/**
 * A scope below those of the steps. A cancellation of the build reaches scopes by their depth, and what the deadline
 * limits is cancelled before the deadline itself: so it is in the histories that were recorded.
 */
function belowTheSteps(): CancellationScope {
  const stage = new CancellationScope();
  const step = new CancellationScope({ cancellable: true, parent: stage });
  return new CancellationScope({ cancellable: true, parent: step });
}
