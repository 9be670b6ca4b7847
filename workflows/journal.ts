import { setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import type { SearchAttributePair } from '@temporalio/common';
import {
  type BuildFailure,
  type BuildPhase,
  type BuildProgress,
  type HeldProgress,
  type PausedProgress,
  progressQuery,
  type QueuedProgress,
  searchAttributes,
  type StepName,
  stepNames,
  type StepProgress,
  type StepState,
  type UndoProgress,
} from '../contract';
import { buildDetails } from './build-details';
import { now, secondsBetween } from './clock';

/** What people see of a build: the query `progress`, the current details in the Web UI, and its search attributes. */
export class Journal {
  private readonly progress: BuildProgress;

  constructor(about: Pick<BuildProgress, 'buildId' | 'region' | 'instanceId' | 'imageName'>) {
    this.progress = {
      ...about,
      phase: 'checking',
      steps: stepNames.map((step) => ({ step, state: 'pending', resources: [] })),
      undo: [],
    };
    setHandler(progressQuery, () => this.progress, {
      description: 'Where the build is: its steps with their states, times and resources',
    });
    this.upsert([
      { key: searchAttributes.BuildId, value: about.buildId },
      { key: searchAttributes.BuildPhase, value: 'checking' },
    ]);
    this.show();
  }

  /** The build enters a phase, and perhaps has an image now; one event in the history. */
  phase(phase: BuildPhase, imageId?: string): void {
    if (phase === this.progress.phase && imageId === undefined) return;
    this.progress.phase = phase;
    const pairs: SearchAttributePair[] = [{ key: searchAttributes.BuildPhase, value: phase }];
    if (imageId !== undefined) {
      this.progress.imageId = imageId;
      pairs.push({ key: searchAttributes.ImageId, value: imageId });
    }
    this.upsert(pairs);
    this.show();
  }

  private step(name: StepName, change: Partial<StepProgress>): void {
    const step = this.progress.steps.find((one) => one.step === name)!;
    Object.assign(step, change);
    this.show();
  }

  resources(name: StepName, resources: string[]): void {
    this.step(name, { resources });
  }

  note(name: StepName, note: string): void {
    this.step(name, { note });
  }

  begin(name: StepName): void {
    this.step(name, { state: 'running', startedAt: now() });
  }

  end(name: StepName, state: StepProgress['state'], note?: string): void {
    this.step(name, {
      state,
      ...(state === 'skipped' ? {} : { endedAt: now() }),
      ...(note === undefined ? {} : { note }),
    });
  }

  beginUndo(name: string): UndoProgress {
    const undo: UndoProgress = { name, state: 'running', startedAt: now() };
    this.progress.undo.push(undo);
    this.show();
    return undo;
  }

  endUndo(undo: UndoProgress, state: UndoProgress['state'], note?: string): void {
    Object.assign(undo, { state, endedAt: now(), ...(note === undefined ? {} : { note }) });
    this.show();
  }

  /** The image has another name than the spec says. */
  named(imageName: string): void {
    this.progress.imageName = imageName;
  }

  /** Where a step is. */
  stateOf(name: StepName): StepState {
    return this.progress.steps.find(({ step }) => step === name)!.state;
  }

  /** The steps that have not begun. */
  pendingSteps(): StepName[] {
    return this.progress.steps.filter(({ state }) => state === 'pending').map(({ step }) => step);
  }

  /** Steps that are begun once more, as if they had never been. */
  again(names: readonly StepName[], generation: number, imageName: string): void {
    this.progress.steps = this.progress.steps.map((step) =>
      names.includes(step.step) ? { step: step.step, state: 'pending', resources: [], generation } : step,
    );
    this.progress.imageName = imageName;
    delete this.progress.failure;
    if (names.includes('createImage')) delete this.progress.imageId;
  }

  /** The build is held, or no longer is. */
  hold(held: HeldProgress | undefined): void {
    if (held) this.progress.held = held;
    else delete this.progress.held;
    if (held) this.fail(held.message, 'held');
    this.show();
  }

  holdUntil(until: string): void {
    if (this.progress.held) this.progress.held.until = until;
    this.show();
  }

  /** The build is to be paused, is paused, or no longer is. */
  pause(paused: PausedProgress | undefined): void {
    if (paused) this.progress.paused = paused;
    else delete this.progress.paused;
    if (paused?.since !== undefined) this.phase('paused');
    this.show();
  }

  /** The build waits for room, or no longer does. */
  queue(queued: QueuedProgress | undefined): void {
    if (queued) this.progress.queued = queued;
    else delete this.progress.queued;
    if (queued) this.phase('queued');
    else if (this.progress.phase === 'queued') this.phase('checking');
    this.show();
  }

  /** @param since ISO 8601, UTC; undefined: it is up */
  sourceDown(since: string | undefined): void {
    if (since !== undefined) this.progress.sourceDownSince = since;
    else delete this.progress.sourceDownSince;
    this.show();
  }

  fail(message: string, phase: BuildPhase): void {
    this.progress.failure = message;
    this.phase(phase);
  }

  report(report: BuildFailure): void {
    this.progress.report = report;
    this.show();
  }

  /** Seconds that each finished step took. */
  durations(): { step: StepName; seconds: number }[] {
    return this.progress.steps
      .filter(({ state, endedAt }) => state === 'done' && endedAt !== undefined)
      .map(({ step, startedAt, endedAt }) => ({ step, seconds: secondsBetween(startedAt!, endedAt!) }));
  }

  private upsert(pairs: SearchAttributePair[]): void {
    upsertSearchAttributes(pairs);
  }

  private show(): void {
    setCurrentDetails(buildDetails(this.progress));
  }
}
