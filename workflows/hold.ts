import { condition, patched, setHandler, upsertMemo } from '@temporalio/workflow';
import {
  type Amendment,
  formatProblems,
  formatSeconds,
  heldMemo,
  type HeldProgress,
  type RetryAnswer,
  retryStepUpdate,
  type SpecCheck,
} from '../contract';
import { refuse } from './failures';

/** Patch: lists say which step or stage is held, without a worker. */
const heldInLists = 'held-in-lists';

/** What can be held: the spec of a build, or a pipeline. */
interface Holdable {
  deadlines: { hold: number };
}

/** What is held, and what for. */
interface Holding<Spec, Name extends string> {
  about: Omit<HeldProgress<Name>, 'since' | 'until'>;
  spec: Spec;
  /** Whether the image is there already, so that only the launch can still be amended. */
  committed: boolean;
}

/** Where it is shown that something is held. */
interface HoldJournal<Name extends string> {
  hold(held: HeldProgress<Name> | undefined): void;
  holdUntil(until: string): void;
}

/** The update `retryStep`, and the waiting for it. */
export class Hold<Spec extends Holdable, Name extends string> {
  private holding: Holding<Spec, Name> | undefined;
  private until = 0;
  private mended: Spec | undefined;

  /**
   * @param amend applies what a retry is to change, and checks it
   * @param what is held, in words
   */
  constructor(
    private readonly journal: HoldJournal<Name>,
    private readonly amend: (spec: Spec, amendment: unknown, committed: boolean) => SpecCheck<Spec>,
    what = 'build',
  ) {
    setHandler(
      retryStepUpdate,
      // The update is the same for all that can be held; the names of its steps are not.
      (amendment: Amendment) => {
        const { retryFrom: from, secondDownTime } = this.holding!.about;
        this.mended = this.amended(amendment);
        return { from, secondDownTime } as RetryAnswer<Name> as unknown as RetryAnswer;
      },
      {
        description:
          `Tries the failed step of a held ${what} again. Takes nothing, or what is to be different: ` +
          '{"name": "…", "description": "…", "tags": {…}, "launch": {…}}.',
        validator: (amendment: Amendment) => {
          if (!this.holding) refuse('NotHeld', `The ${what} is not held: there is nothing to try again.`);
          if (this.mended) refuse('AlreadyRetried', 'A retry has been asked for already.');
          this.amended(amendment);
        },
      },
    );
  }

  /** Whether it is held now. */
  get isOn(): boolean {
    return this.holding !== undefined;
  }

  /** Holds it longer, by so many seconds; answers until when. */
  extend(seconds: number): string {
    this.until += seconds * 1000;
    const until = new Date(this.until).toISOString();
    this.journal.holdUntil(until);
    return until;
  }

  /**
   * Waits until somebody asks for a retry.
   *
   * @returns the spec to go on with; undefined when nobody asked in time
   * @throws CancelledFailure when the workflow is cancelled
   */
  async wait(holding: Holding<Spec, Name>): Promise<Spec | undefined> {
    const { spec, about } = holding;
    const seconds = spec.deadlines.hold;
    this.holding = holding;
    this.mended = undefined;
    this.until = Date.now() + seconds * 1000;
    const listed = patched(heldInLists);
    const { step, code } = about;
    if (listed) upsertMemo({ [heldMemo]: { step, code } });
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
        const mended = this.mended as Spec | undefined;
        if (mended) return mended;
      }
      return undefined;
    } finally {
      this.holding = undefined;
      if (listed) upsertMemo({ [heldMemo]: null });
      this.journal.hold(undefined);
    }
  }

  private amended(amendment: unknown): Spec {
    const { spec, committed } = this.holding!;
    const check = this.amend(spec, amendment, committed);
    if (check.ok) return check.spec;
    refuse('BadAmendment', `The retry is refused.\n${formatProblems(check.problems)}`);
  }
}
