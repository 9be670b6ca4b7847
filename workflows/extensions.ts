import { CancellationScope, isCancellation, setHandler } from '@temporalio/workflow';
import { type BuildSpec, extendDeadlineUpdate, type Extension, type StepName, stepNames } from '../contract';
import type { Deadline } from './deadline';
import { refuse } from './failures';
import type { Hold } from './hold';
import type { Journal } from './journal';
import type { Room } from './room';

type Deadlines = BuildSpec['deadlines'];

/** The update `extendDeadline`, and the running of steps under deadlines that may be put off. */
export class Extensions {
  /** Seconds that a step was given besides its deadline. */
  private readonly extra: Partial<Record<StepName, number>> = {};
  private readonly open = new Map<StepName, { scope: CancellationScope; again: boolean }>();

  /** @param refuseEnding throws when the build is being undone */
  constructor(
    private readonly journal: Journal,
    deadline: Deadline,
    hold: Pick<Hold<BuildSpec, StepName>, 'isOn' | 'extend'>,
    room: Pick<Room, 'isOn' | 'extend'>,
    refuseEnding: () => void,
  ) {
    setHandler(
      extendDeadlineUpdate,
      ({ of = 'build', seconds }: Extension) => {
        if (of === 'build') deadline.extend(seconds);
        else if (of === 'hold') hold.extend(seconds);
        else if (of === 'room') room.extend(seconds);
        else this.extend(of, seconds);
        return undefined;
      },
      {
        description:
          'Puts a deadline off: {"of": "build", "seconds": 3600}. `of` is `build`, `hold`, `room` (the waiting for image quota), or a ' +
          'step that is not over, such as `pollImage`.',
        validator: (extension: Extension) => {
          checkExtension(extension);
          refuseEnding();
          const { of = 'build' } = extension;
          if (of === 'hold' && !hold.isOn) refuse('NotHeld', 'The build is not held.');
          if (of === 'room' && !room.isOn) refuse('NotWaiting', 'The build does not wait for room in the image quota.');
          if (of === 'build' || of === 'hold' || of === 'room') return;
          // Of a held build, steps that are over may be begun again.
          if (hold.isOn) return;
          const state = this.journal.stateOf(of);
          if (state === 'done' || state === 'skipped') refuse('StepOver', `${of} is over already`);
        },
      },
    );
  }

  /**
   * Runs a step's activity under the step's deadline. When that is put off while the activity waits, it is dispatched
   * once more: an activity's own deadline cannot be moved, and every step may run twice.
   *
   * @param dispatch calls the activity; is told the seconds that are left, and whether it was called before
   */
  async run<T>(
    name: StepName,
    deadlines: Deadlines,
    dispatch: (deadline: number | undefined, dispatchedBefore: boolean) => Promise<T>,
  ): Promise<T> {
    const since = Date.now();
    for (let before = false; ; before = true) {
      const open = { scope: new CancellationScope(), again: false };
      this.open.set(name, open);
      try {
        return await open.scope.run(() => dispatch(this.left(name, deadlines, since), before));
      } catch (error) {
        const ours = open.again && isCancellation(error) && !CancellationScope.current().consideredCancelled;
        if (!ours) throw error;
      } finally {
        this.open.delete(name);
      }
    }
  }

  hasExtended(name: StepName): boolean {
    return this.extra[name] !== undefined;
  }

  private extend(name: StepName, seconds: number): void {
    this.extra[name] = (this.extra[name] ?? 0) + seconds;
    const open = this.open.get(name);
    if (!open) return;
    open.again = true;
    open.scope.cancel();
  }

  /** Seconds that a step has left; none for restoring the source, which has no deadline. */
  private left(name: StepName, deadlines: Deadlines, since: number): number | undefined {
    if (name === 'restoreInstance') return undefined;
    const given = (name === 'keepResources' ? deadlines.createImage : deadlines[name]) + (this.extra[name] ?? 0);
    return Math.max(1, given - (Date.now() - since) / 1000);
  }
}

function checkExtension(extension: unknown): void {
  const { of = 'build', seconds } = (extension ?? {}) as Partial<Extension>;
  if (typeof seconds !== 'number' || !(seconds >= 1) || seconds > 365 * 86_400) {
    refuse('BadRequest', 'extendDeadline takes {"of": "build", "seconds": 3600}: seconds from 1 to a year');
  }
  const allowed = ['build', 'hold', 'room', ...stepNames.filter((name) => name !== 'restoreInstance')];
  if (!allowed.includes(of)) refuse('BadRequest', `there is no deadline of ${of}; there are ${allowed.join(', ')}`);
}
