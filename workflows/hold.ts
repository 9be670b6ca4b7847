import { condition, setHandler } from '@temporalio/workflow';
import {
  amendSpec,
  type Amendment,
  type BuildSpec,
  formatProblems,
  formatSeconds,
  type HeldProgress,
  type RetryAnswer,
  retryStepUpdate,
} from '../contract';
import { refuse } from './failures';
import type { Journal } from './journal';

/** What a build is held for. */
interface Holding {
  about: Omit<HeldProgress, 'since' | 'until'>;
  spec: BuildSpec;
  /** Whether the image is there already, so that only the launch can still be amended. */
  committed: boolean;
}

/** The update `retryStep`, and the waiting for it. */
export class Hold {
  private holding: Holding | undefined;
  private until = 0;
  private mended: BuildSpec | undefined;

  constructor(private readonly journal: Journal) {
    setHandler(
      retryStepUpdate,
      (amendment: Amendment): RetryAnswer => {
        const { retryFrom: from, secondDownTime } = this.holding!.about;
        this.mended = this.amended(amendment);
        return { from, secondDownTime };
      },
      {
        description:
          'Tries the failed step of a held build again. Takes nothing, or what is to be different: ' +
          '{"name": "…", "description": "…", "tags": {…}, "launch": {…}}.',
        validator: (amendment: Amendment) => {
          if (!this.holding) refuse('NotHeld', 'The build is not held: there is nothing to try again.');
          if (this.mended) refuse('AlreadyRetried', 'A retry has been asked for already.');
          this.amended(amendment);
        },
      },
    );
  }

  /** Whether the build is held now. */
  get isOn(): boolean {
    return this.holding !== undefined;
  }

  /** Holds it longer, by so many seconds. */
  extend(seconds: number): void {
    this.until += seconds * 1000;
    this.journal.holdUntil(new Date(this.until).toISOString());
  }

  /**
   * Waits until somebody asks for a retry.
   *
   * @returns the spec to go on with; undefined when nobody asked in time
   * @throws CancelledFailure when the build is cancelled
   */
  async wait(holding: Holding): Promise<BuildSpec | undefined> {
    const { spec, about } = holding;
    const seconds = spec.deadlines.hold;
    this.holding = holding;
    this.mended = undefined;
    this.until = Date.now() + seconds * 1000;
    this.journal.hold({
      ...about,
      since: new Date().toISOString(),
      until: new Date(this.until).toISOString(),
    });
    try {
      for (let left = seconds; left > 0; left = (this.until - Date.now()) / 1000) {
        const { until } = this;
        const summary = `held: ${formatSeconds(left)} to mend it`;
        // Ends early also when it is held longer than this timer says.
        await condition(() => this.mended !== undefined || this.until !== until, left * 1000, { summary });
        const mended = this.mended as BuildSpec | undefined;
        if (mended) return mended;
      }
      return undefined;
    } finally {
      this.holding = undefined;
      this.journal.hold(undefined);
    }
  }

  private amended(amendment: unknown): BuildSpec {
    const { spec, committed } = this.holding!;
    const check = amendSpec(spec, amendment, committed);
    if (check.ok) return check.spec;
    refuse('BadAmendment', `The retry is refused.\n${formatProblems(check.problems)}`);
  }
}
