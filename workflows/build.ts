import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  patched,
  sleep,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type BuildActivities,
  type BuildFailure,
  buildIdOf,
  type BuildPhase,
  type BuildRef,
  type BuildResult,
  type BuildSpec,
  expandImageName,
  formatSeconds,
  reportMemo,
  type Resource,
  type ResourceType,
  type StepName,
} from '../contract';
import { activitiesOf } from './build-activities';
import { stepFailure, type StepFailure } from './failures';
import { Journal, now, secondsBetween } from './journal';
import { Saga, type Undo } from './saga';

/** The phase that a build enters with a step; the others belong to the phase before them. */
const phaseOf: Partial<Record<StepName, BuildPhase>> = {
  shutdownInstance: 'shutting-down',
  snapshotDisks: 'snapshotting',
  createImage: 'imaging',
  launchInstance: 'launching',
};

/** Patch: `onFailure: keep` also finds what the failed step never told. Builds that began before it do not. */
const keepFinds = 'keep-finds';

/** A build at work: what the procedure stands on. Deadlines, undoing and reporting are here, so that it can be read. */
export class Build {
  readonly ref: BuildRef;
  readonly imageName: string;
  private readonly journal: Journal;
  private readonly saga = new Saga();
  private readonly scope = new CancellationScope();
  private overdue = false;
  /** Something is kept and may still be tagged as pending. */
  private untagged = false;
  /** The source was found down with our restore tag, so that it has to be started whatever this build does. */
  private claimed = false;
  private failedStep: StepName | undefined;
  /** Set while the source has to be started again, by the procedure or by undoing. */
  private restart: { unknownOutcome: boolean } | undefined;
  private down: { since: string | undefined; seconds?: number } | undefined;

  constructor(readonly spec: BuildSpec) {
    const { firstExecutionRunId, runId, startTime } = workflowInfo();
    const { region, instanceId, roleArn, image } = spec;
    const buildId = buildIdOf(instanceId, firstExecutionRunId);
    this.ref = { buildId, region, instanceId, reset: runId !== firstExecutionRunId, roleArn };
    this.imageName = expandImageName(image.name, { startedAt: startTime, instanceId, family: image.family, buildId });
    this.journal = new Journal({ buildId, region, instanceId, imageName: this.imageName });
  }

  /** Runs the procedure under the build's deadline; when it does not come to its end, undoes what has to be undone. */
  async run(procedure: () => Promise<BuildResult>): Promise<BuildResult> {
    try {
      const result = await this.withinDeadline(procedure);
      this.journal.phase('completed');
      return result;
    } catch (error) {
      throw await CancellationScope.nonCancellable(() => this.fail(error));
    }
  }

  /** Runs one step and shows it. */
  async step<T>(name: StepName, summary: string, call: (activities: BuildActivities) => Promise<T>): Promise<T> {
    const phase = phaseOf[name];
    if (phase) this.journal.phase(phase);
    this.journal.begin(name);
    const result = await this.again(name, summary, call);
    this.journal.end(name, 'done');
    return result;
  }

  /** Another activity of a step that has begun. */
  async again<T>(name: StepName, summary: string, call: (activities: BuildActivities) => Promise<T>): Promise<T> {
    const { deadlines } = this.spec;
    const deadline =
      name === 'restoreInstance' ? undefined : name === 'keepResources' ? deadlines.createImage : deadlines[name];
    try {
      return await call(activitiesOf(this.spec, { summary, deadline }));
    } catch (error) {
      const failure = stepFailure(error);
      const cancelled = isCancellation(error);
      if (!cancelled) this.failedStep ??= name;
      this.journal.end(name, cancelled ? 'cancelled' : 'failed', cancelled ? undefined : failure.message);
      this.learn(name, failure);
      throw error;
    }
  }

  /** The spec does not ask for this step, or there is nothing for it to do. */
  skip(name: StepName): undefined {
    this.journal.end(name, 'skipped');
    return undefined;
  }

  /** Declares how the step that begins now is undone. */
  undoable(...undo: Parameters<Saga['push']>): Undo {
    return this.saga.push(...undo);
  }

  /** A step made these resources. */
  made(step: StepName, undo: Undo, type: ResourceType, resources: { id: string; note?: string }[]): void {
    undo.made(resources.map((resource) => ({ ...resource, type })));
    this.journal.resources(
      step,
      undo.resources.map(({ id }) => id),
    );
    if (type === 'image') this.journal.phase('imaging', resources[0]?.id);
  }

  /** From here on the source has to run again in the end. */
  willRestoreSource(because: { claimed: boolean } = { claimed: false }): void {
    this.claimed ||= because.claimed;
    // Until the stop is known to be over, one may be in flight whose answer nobody got.
    this.restart = { unknownOutcome: true };
  }

  sourceIsDown(askedAt: string | undefined): void {
    if (this.restart) this.restart.unknownOutcome = false;
    this.down = { since: askedAt };
  }

  get sourceHasToRestart(): boolean {
    return this.restart !== undefined;
  }

  sourceIsUp(runningAt: string | undefined, tagLeft?: string): void {
    this.restart = undefined;
    if (tagLeft !== undefined) this.journal.note('restoreInstance', `the restore tag is still there: ${tagLeft}`);
    if (this.down?.since !== undefined && runningAt !== undefined) {
      this.down.seconds = secondsBetween(this.down.since, runningAt);
    }
  }

  /** The image is usable: nothing that was made so far is destroyed by this build any more. */
  committed(): void {
    this.saga.commit();
    this.untagged = true;
  }

  /** What is kept carries its tag. */
  tagged(): void {
    this.untagged = false;
  }

  result(made: {
    source: { instanceId: string; wasRunning: boolean };
    image: BuildResult['image'];
    snapshots: BuildResult['snapshots'];
    instance: BuildResult['instance'];
  }): BuildResult {
    const { source, image, snapshots, instance } = made;
    return {
      buildId: this.ref.buildId,
      region: this.ref.region,
      image: { ...image, family: this.spec.image.family },
      snapshots,
      instance,
      source: {
        instanceId: source.instanceId,
        wasRunning: source.wasRunning,
        downTimeSeconds: source.wasRunning ? this.down?.seconds : undefined,
      },
      steps: this.journal.durations(),
      resources: this.withImplicit(image.snapshotIds),
    };
  }

  /** The snapshots that the cloud made for the image count as made by the build. */
  private withImplicit(snapshotIds: string[]): Resource[] {
    const known = this.saga.resources;
    const implicit = snapshotIds.filter((id) => !known.some((one) => one.id === id));
    return [
      ...known,
      ...implicit.map((id): Resource => ({ type: 'snapshot', id, fate: 'kept', note: 'of the image' })),
    ];
  }

  private async withinDeadline<T>(procedure: () => Promise<T>): Promise<T> {
    const timer = new CancellationScope();
    const seconds = this.spec.deadlines.build;
    const deadline = timer.run(async () => {
      await sleep(seconds * 1000, { summary: `deadline of the build: ${formatSeconds(seconds)}` });
      this.overdue = true;
      this.scope.cancel();
    });
    // Ends with the timer's own cancellation, here or with the whole build.
    deadline.catch(() => undefined);
    try {
      return await this.scope.run(procedure);
    } finally {
      timer.cancel();
    }
  }

  /** What a failed step says about its own outcome spares the undo a settle window, or itself. */
  private learn(name: StepName, { untouched }: StepFailure): void {
    if (untouched !== true) return;
    if (name === 'shutdownInstance' && !this.claimed) this.restart = undefined;
    const last = this.saga.last;
    // What has made something is not over because a later activity of the same step changed nothing.
    if (last && last.resources.length > 0) return;
    if (last?.name === `undo${name.charAt(0).toUpperCase()}${name.slice(1)}`) last.over = true;
  }

  private async fail(error: unknown): Promise<Error> {
    const failure = this.reasonOf(error);
    const cancelled = failure.code === 'Cancelled';
    const where = this.failedStep ? `${this.failedStep}: ` : '';
    this.journal.fail(`${where}${failure.message}`, 'undoing');

    if (failure.claimed === true) this.willRestoreSource({ claimed: true });
    const hadToRestart = this.restart !== undefined;
    const keep = this.spec.onFailure === 'keep' && !cancelled;
    const finding = keep && this.saga.last?.unknown && patched(keepFinds) ? this.findKept(this.saga.last) : undefined;
    if (keep) this.saga.keep(failure.left);
    await this.saga.unwind(
      () => this.undoShutdown(),
      (undo) => this.undo(undo),
    );
    await finding;
    if (keep || this.untagged) await this.tagKept();

    const report: BuildFailure = {
      buildId: this.ref.buildId,
      step: this.failedStep,
      code: failure.code,
      message: failure.message,
      advice: failure.advice,
      requestId: failure.requestId,
      resources: this.saga.resources,
      source: hadToRestart ? this.sourceStory() : undefined,
    };
    this.journal.report(report);
    this.journal.fail(`${where}${failure.message}`, cancelled ? 'cancelled' : 'failed');
    if (cancelled) {
      // A cancelled workflow has no failure that could tell; the memo is there without a worker too.
      upsertMemo({ [reportMemo]: report });
      return new CancelledFailure(failure.message, [report]);
    }
    return ApplicationFailure.create({
      type: failure.code,
      message: `${where}${failure.message}`,
      nonRetryable: true,
      details: [report],
    });
  }

  private reasonOf(error: unknown): StepFailure {
    if (!isCancellation(error)) return stepFailure(error);
    return this.overdue
      ? {
          code: 'DeadlineExceeded',
          message: `the build was not done after ${formatSeconds(this.spec.deadlines.build)}`,
          advice: 'Give it more time: deadlines.build.',
        }
      : { code: 'Cancelled', message: 'the build was cancelled' };
  }

  private async undoShutdown(): Promise<void> {
    if (!this.restart) return;
    const { unknownOutcome } = this.restart;
    const shown = this.journal.beginUndo('restoreInstance');
    const activities = activitiesOf(this.spec, { summary: `undo: start ${this.ref.instanceId} again` });
    const { outcome, runningAt, tagLeft } = await activities.restoreInstance({ build: this.ref, unknownOutcome });
    this.sourceIsUp(runningAt, tagLeft);
    this.journal.endUndo(shown, 'done', outcome === 'gone' ? 'the instance no longer exists' : 'RUNNING');
  }

  private async undo(undo: Undo): Promise<Awaited<ReturnType<Undo['run']>>> {
    const shown = this.journal.beginUndo(undo.name);
    try {
      const deadline = this.spec.deadlines.undo;
      const outcome = await undo.run(activitiesOf(this.spec, { summary: `undo: ${undo.name}`, deadline }));
      this.journal.endUndo(shown, 'done', outcome.resources.map(({ id }) => id).join(', ') || 'there was nothing');
      return outcome;
    } catch (error) {
      this.journal.endUndo(shown, 'failed', stepFailure(error).message);
      throw error;
    }
  }

  /**
   * What is to be kept of a step that ended without telling what it made: overtaken by the build's deadline, or lost with
   * its worker. Runs beside the restoring of the source.
   */
  private async findKept(undo: Undo): Promise<void> {
    const shown = this.journal.beginUndo(`${undo.name}: only list`);
    const deadline = this.spec.deadlines.undo;
    try {
      const activities = activitiesOf(this.spec, { summary: `onFailure: keep, ${undo.name} only lists`, deadline });
      const { resources } = await undo.run(activities, { keep: true });
      this.saga.settle(undo, resources);
      this.journal.endUndo(shown, 'done', resources.map(({ id }) => id).join(', ') || 'there was nothing');
    } catch (error) {
      this.journal.endUndo(shown, 'failed', stepFailure(error).message);
    }
  }

  /** What `onFailure: keep` leaves is tagged as kept, so that no sweep takes it for abandoned. */
  private async tagKept(): Promise<void> {
    const ids = (type: ResourceType) =>
      this.saga.resources.filter((one) => one.type === type && one.fate === 'kept').map(({ id }) => id);
    const kept = {
      imageIds: ids('image'),
      snapshotIds: ids('snapshot'),
      instanceIds: ids('instance'),
      diskIds: ids('disk'),
    };
    if (Object.values(kept).every((some) => some.length === 0)) return;
    const shown = this.journal.beginUndo('keepResources');
    const deadline = this.spec.deadlines.undo;
    try {
      await activitiesOf(this.spec, { summary: 'onFailure: keep', deadline }).keepResources({
        build: this.ref,
        ...kept,
      });
      this.journal.endUndo(shown, 'done');
    } catch (error) {
      this.journal.endUndo(shown, 'failed', stepFailure(error).message);
    }
  }

  private sourceStory(): string {
    const took = this.down?.seconds === undefined ? '' : `, after ${formatSeconds(this.down.seconds)}`;
    return `${this.ref.instanceId} is RUNNING again${took} (${now()})`;
  }
}
