import { ApplicationFailure, CancelledFailure, patched, upsertMemo } from '@temporalio/workflow';
import {
  type BuildFailure,
  type BuildRef,
  type BuildSpec,
  formatSeconds,
  ofImage,
  reportMemo,
  type ResourceType,
  type StepName,
} from '../contract';
import { activitiesOf } from './build-activities';
import { type StepFailure, stepFailure } from './failures';
import type { Journal } from './journal';
import type { Saga, Undo, UndoName } from './saga';
import type { Source } from './source';

/** Patch: `onFailure: keep` also finds what the failed step never told. Builds that began before it do not. */
const keepFinds = 'keep-finds';

/** How a source is left that was not started. */
const ways = { gone: 'no longer there', untouched: 'as it was found' } as const;

interface About {
  readonly spec: BuildSpec;
  readonly ref: BuildRef;
  readonly source: Source;
}

/** What a build does when it does not come to its end, or begins a part again: restore the source, undo, report. */
export class Ending {
  /** Something is kept and may still be tagged as pending. */
  untagged = false;
  /** What the build was last held for. */
  held: string | undefined;
  /** It was held until the hold's own deadline, and nobody asked for a retry. */
  heldInVain = false;
  /** Whether the build is on its way out. */
  isOn = false;

  constructor(
    private readonly build: About,
    private readonly journal: Journal,
    private readonly saga: Saga,
  ) {}

  /** A failure in one line, with the step that it comes from. */
  told({ message }: StepFailure, step: StepName | undefined): string {
    return step === undefined ? message : `${step}: ${message}`;
  }

  /** Undoes what has to be undone, and answers what the workflow is to fail with. Runs in a non-cancellable scope. */
  async fail(reason: StepFailure, step: StepName | undefined): Promise<Error> {
    this.isOn = true;
    this.journal.pause(undefined);
    const failure = { ...reason, message: this.withHold(reason) };
    const cancelled = failure.code === 'Cancelled';
    const message = this.told(failure, step);
    this.journal.fail(message, 'undoing');

    const { source, spec, ref } = this.build;
    if (failure.claimed === true) source.willRestart({ claimed: true });
    const keep = spec.onFailure === 'keep' && !cancelled;
    // Before the patch what is kept was only tagged once the source was up.
    const keeping = keep && patched(keepFinds) ? this.keepAll(failure) : undefined;
    if (keep && !keeping) this.saga.keep(failure.left);
    await this.unwind();
    await keeping;
    if ((keep && !keeping) || this.untagged) await this.tagKept();

    const report: BuildFailure = {
      buildId: ref.buildId,
      step,
      code: failure.code,
      message: failure.message,
      advice: failure.advice,
      requestId: failure.requestId,
      resources: this.saga.resources,
      source: source.story,
      ...(source.isUpAgain ? { sourceIsUp: true } : {}),
    };
    this.journal.report(report);
    this.journal.fail(message, cancelled ? 'cancelled' : 'failed');
    if (cancelled) {
      // A cancelled workflow has no failure that could tell; the memo is there without a worker too.
      upsertMemo({ [reportMemo]: report });
      return new CancelledFailure(failure.message, [report]);
    }
    return ApplicationFailure.create({ type: failure.code, message, nonRetryable: true, details: [report] });
  }

  /**
   * @param only.since a mark of the saga: only what was done after it is undone
   * @param only.spared what is not undone
   */
  async unwind(only: { since?: number; spared?: UndoName | undefined } = {}): Promise<void> {
    await this.saga.unwind(
      () => this.restoreSource(),
      (undo) => this.undo(undo),
      only,
    );
  }

  /** Starts the source again, if it has to be, however long that takes. */
  restoreSource(): Promise<void> {
    const { source, spec, ref } = this.build;
    return source.restore(async (how) => {
      const shown = this.journal.beginUndo('restoreInstance');
      const activities = activitiesOf(spec, { summary: `undo: start ${ref.instanceId} again` });
      try {
        const { outcome, ...told } = await activities.restoreInstance({ build: ref, ...how });
        if (outcome === 'running') source.isUp(told);
        else source.isOut(ways[outcome]);
        this.journal.endUndo(shown, 'done', outcome === 'running' ? 'RUNNING' : ways[outcome]);
      } catch (error) {
        // It retries for ever by itself: somebody has ended its activity by hand.
        const { message } = stepFailure(error);
        source.isLeftDown(message);
        this.journal.endUndo(shown, 'failed', message);
      }
    });
  }

  private withHold({ message, code }: StepFailure): string {
    if (this.heldInVain) {
      return `${message}; held for ${formatSeconds(this.build.spec.deadlines.hold)}, and nobody asked for a retry`;
    }
    return code === 'Cancelled' && this.held !== undefined
      ? `${message} while it was held after ${this.held}`
      : message;
  }

  private async undo(undo: Undo): Promise<Awaited<ReturnType<Undo['run']>>> {
    const { spec } = this.build;
    const shown = this.journal.beginUndo(undo.name);
    try {
      const outcome = await undo.run(
        activitiesOf(spec, { summary: `undo: ${undo.name}`, deadline: spec.deadlines.undo }),
      );
      this.journal.endUndo(shown, 'done', outcome.resources.map(({ id }) => id).join(', ') || 'there was nothing');
      return outcome;
    } catch (error) {
      this.journal.endUndo(shown, 'failed', stepFailure(error).message);
      throw error;
    }
  }

  /**
   * `onFailure: keep`: lists what there is, and tags it as kept, beside the restoring of the source. What a step made that
   * ended without telling, overtaken by a deadline or lost with its worker, is looked for.
   */
  private async keepAll({ left }: StepFailure): Promise<void> {
    const { untold } = this.saga;
    this.saga.keep(left);
    for (const undo of untold) await this.findKept(undo);
    await this.tagKept();
  }

  private async findKept(undo: Undo): Promise<void> {
    const { spec } = this.build;
    const shown = this.journal.beginUndo(`${undo.name}: only list`);
    const deadline = spec.deadlines.undo;
    try {
      const activities = activitiesOf(spec, { summary: `onFailure: keep, ${undo.name} only lists`, deadline });
      const { resources } = await undo.run(activities, { keep: true });
      this.saga.settle(undo, resources);
      this.journal.endUndo(shown, 'done', resources.map(({ id }) => id).join(', ') || 'there was nothing');
    } catch (error) {
      const { message, left = [] } = stepFailure(error);
      this.saga.settle(
        undo,
        left.map((resource) => ({ ...resource, fate: 'kept' })),
      );
      this.journal.endUndo(shown, 'failed', message);
    }
  }

  /** What `onFailure: keep` leaves is tagged as kept, so that no sweep takes it for abandoned. */
  private async tagKept(): Promise<void> {
    const ids = (type: ResourceType) =>
      this.saga.resources
        .filter((one) => one.type === type && one.fate === 'kept' && one.note !== ofImage)
        .map(({ id }) => id);
    const kept = {
      imageIds: ids('image'),
      snapshotIds: ids('snapshot'),
      instanceIds: ids('instance'),
      diskIds: ids('disk'),
    };
    if (Object.values(kept).every((some) => some.length === 0)) return;
    const { spec, ref } = this.build;
    const shown = this.journal.beginUndo('keepResources');
    const deadline = spec.deadlines.undo;
    try {
      await activitiesOf(spec, { summary: 'onFailure: keep', deadline }).keepResources({ build: ref, ...kept });
      this.journal.endUndo(shown, 'done');
    } catch (error) {
      const { message } = stepFailure(error);
      for (const one of this.saga.resources) {
        if (one.fate === 'kept' && one.note !== ofImage) one.note = `not tagged as kept: ${message}`;
      }
      this.journal.endUndo(shown, 'failed', message);
    }
  }
}
