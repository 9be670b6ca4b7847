import { condition, setHandler } from '@temporalio/workflow';
import { pauseUpdate, type PauseAnswer, type PauseRequest, resumeUpdate, type StepName } from '../contract';
import { refuse } from './failures';
import { now } from './clock';
import type { Journal } from './journal';

/** The updates `pause` and `resume`. A build stands only before a step that finds the source up. */
export class Gate {
  private wanted: PauseRequest | undefined;

  /**
   * @param places the steps before which the build may stand, in order
   * @param mayPause throws when a pause makes no sense now
   */
  constructor(
    private readonly journal: Journal,
    private readonly places: readonly StepName[],
    mayPause: () => void,
  ) {
    const next = (): StepName | undefined => places.find((step) => journal.stateOf(step) === 'pending');
    setHandler(
      pauseUpdate,
      (request: PauseRequest | undefined): PauseAnswer => {
        const before = next()!;
        this.wanted = request ?? {};
        journal.pause({ before, reason: request?.reason });
        return { before };
      },
      {
        description:
          'Pauses the build at the next place where its source is up: before it is shut down, or after it was started again. ' +
          'Takes {"reason": "…"}, or nothing.',
        validator: (request: PauseRequest | undefined) => {
          if (request !== undefined && (typeof request !== 'object' || typeof (request.reason ?? '') !== 'string')) {
            refuse('BadRequest', 'pause takes {"reason": "…"}, or nothing');
          }
          mayPause();
          if (this.wanted) refuse('AlreadyPaused', 'The build is paused already, or is to be: resume lets it go on.');
          if (!next()) {
            refuse('NothingToPause', 'There is no place any more where the build could stand with its source up.');
          }
        },
      },
    );
    setHandler(
      resumeUpdate,
      () => {
        this.wanted = undefined;
        journal.pause(undefined);
        return undefined;
      },
      {
        description: 'Lets a paused build go on',
        validator: () => {
          if (!this.wanted) refuse('NotPaused', 'The build is not paused.');
        },
      },
    );
  }

  /** Whether the build is to stand before a step. */
  isClosed(before: StepName): boolean {
    return this.wanted !== undefined && this.places.includes(before);
  }

  /** Stands before a step for as long as the build is paused; says whether it has stood. */
  async pass(before: StepName, deadline: { stop: () => void; start: () => void }): Promise<boolean> {
    if (!this.isClosed(before)) return false;
    deadline.stop();
    // Let go on and paused again at once, it goes on standing.
    while (this.wanted) {
      this.journal.pause({ before, since: now(), reason: this.wanted.reason });
      await condition(() => !this.wanted);
    }
    deadline.start();
    return true;
  }
}
