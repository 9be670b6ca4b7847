import { CancellationScope, isCancellation, patched, workflowInfo } from '@temporalio/workflow';
import {
  amendSpec,
  type BuildActivities,
  buildIdOf,
  type BuildPhase,
  type BuildRef,
  type BuildResult,
  type BuildSpec,
  expandImageName,
  type ImageFacts,
  type MadeBefore,
  ofImage,
  type ResourceType,
  type SourceFacts,
  type StepName,
  type WaitProgress,
} from '../contract';
import { activitiesOf } from './build-activities';
import { Deadline } from './deadline';
import { Ending } from './ending';
import { Extensions } from './extensions';
import { refuse, type StepFailure, stepFailure, waitOf } from './failures';
import { Gate } from './gate';
import { Hold } from './hold';
import { Journal } from './journal';
import { Notices } from './notices';
import { Room } from './room';
import { Saga, type Undo } from './saga';
import { Source } from './source';

/** The phase that a build enters with a step; the others belong to the phase before them. */
const phaseOf: Partial<Record<StepName, BuildPhase>> = {
  shutdownInstance: 'shutting-down',
  snapshotDisks: 'snapshotting',
  createImage: 'imaging',
  launchInstance: 'launching',
};

/** Failures of steps that find what earlier steps made, or how they left the source, to be otherwise. */
const overtaken = /^(SourceChanged|SnapshotGone|ImageGone|InvalidParameter\.SnapshotNotFound)$/;

/** Patch: builds that were reset and failed so before it ended with that. */
const beginsAnew = 'begins-anew';

/** Patch: a source that was found down, and is to run, is started before the build waits. */
const upBeforeItWaits = 'up-before-it-waits';

/** Failure of a step that would make again what the runs before a reset have made and kept. */
const madeAlready = 'MadeAlready';

/** Patch: what the runs before a reset have made and kept is taken up. */
const takesUp = 'takes-up';

/** How often a build that waits for room comes back after the cloud has refused its image all the same. */
const mostRefusals = 3;

type StepCall<T> = (activities: BuildActivities, ref: BuildRef) => Promise<T>;

/** A build at work: what the procedure stands on, so that it can be read. */
export class Build {
  spec: BuildSpec;
  /** Counts the tries: what a step makes anew after a retry bears another name or token. */
  generation = 1;
  imageName: string;
  ref: BuildRef;
  readonly source: Source;
  private readonly journal: Journal;
  private readonly notices: Notices;
  private readonly saga = new Saga();
  private readonly deadline: Deadline;
  private readonly extensions: Extensions;
  private readonly hold: Hold<BuildSpec, StepName>;
  private readonly gate: Gate;
  private readonly quotaRoom: Room;
  private readonly ending: Ending;
  /** What runs now, and is ended by the deadline. */
  private scope = new CancellationScope();
  /** The image is usable. */
  private isCommitted = false;
  /** It was reset, and has begun from the start since the point that it was reset to no longer held. */
  private begunAnew = false;
  private failedStep: StepName | undefined;
  /** What that step was waiting for when the build's deadline passed. */
  private overdueIn: WaitProgress | undefined;

  constructor(spec: BuildSpec) {
    const { firstExecutionRunId, runId } = workflowInfo();
    const { region, instanceId, roleArn } = spec;
    this.spec = spec;
    const buildId = buildIdOf(instanceId, firstExecutionRunId);
    this.ref = { buildId, region, instanceId, reset: runId !== firstExecutionRunId, roleArn };
    this.imageName = this.expandedName();
    this.journal = new Journal({ buildId, region, instanceId, imageName: this.imageName });
    this.notices = new Notices(this);
    this.source = new Source(instanceId, this.journal, this.notices.alarm());
    this.deadline = new Deadline(spec.deadlines.build, () => this.scope.cancel());
    this.hold = new Hold(this.journal, amendSpec);
    this.quotaRoom = new Room(this, this.journal, this.deadline);
    this.ending = new Ending(this, this.journal, this.saga);
    if (this.ref.reset) this.takeUp();
    const refuseEnding = () => {
      const late = this.deadline.passed && !this.hold.isOn;
      if (this.ending.isOn || late) refuse('Ending', 'The build has failed or was cancelled, and is being undone.');
    };
    this.extensions = new Extensions(this.journal, this.deadline, this.hold, this.quotaRoom, refuseEnding);
    this.gate = new Gate(this.journal, placesToPause(spec), () => {
      refuseEnding();
      if (this.hold.isOn) refuse('Held', 'The build is held, and stands still already.');
    });
  }

  /** Runs the procedure under the build's deadline; when it does not come to its end, undoes what has to be undone. */
  async run(procedure: () => Promise<BuildResult>): Promise<BuildResult> {
    this.deadline.start();
    try {
      const result = await this.fromHere(procedure).finally(() => this.deadline.stop());
      this.journal.phase('completed');
      return result;
    } catch (error) {
      const reason = this.reasonOf(error);
      throw await CancellationScope.nonCancellable(() => this.ending.fail(reason, this.failedStep));
    }
  }

  /**
   * Runs the procedure. After a reset it goes on from a point of the past, and the steps before that point may no longer hold:
   * the source is up again, or what they made was undone meanwhile, or all of it was made since. Then everything is undone but
   * for what is kept, and begun from the start, once.
   */
  private async fromHere(procedure: () => Promise<BuildResult>): Promise<BuildResult> {
    const steps = this.journal.pendingSteps();
    try {
      return await procedure();
    } catch (error) {
      if (!this.isOvertaken(error)) throw error;
      this.begunAnew = true;
      this.journal.phase('undoing');
      // The kept image may be just being launched: that is taken up as well.
      const spared = this.reasonOf(error).code === madeAlready ? 'undoLaunchInstance' : undefined;
      await CancellationScope.nonCancellable(() => this.ending.unwind({ spared }));
      this.beginAgain(this.spec, steps);
      return procedure();
    }
  }

  /** Whether a build that was reset fails because what it went on from is no longer so. */
  private isOvertaken(error: unknown): boolean {
    if (!this.ref.reset || this.begunAnew || this.isCommitted) return false;
    const { code } = this.reasonOf(error);
    return (overtaken.test(code) && patched(beginsAnew)) || (code === madeAlready && patched(takesUp));
  }

  /**
   * Runs a part of the procedure. When it fails and the spec says `onFailure: hold`, the build is held, and this part is
   * begun again when somebody asks for it; what it had made is undone first.
   */
  async stage<T>(part: () => Promise<T>): Promise<T> {
    const since = this.saga.mark;
    const steps = this.journal.pendingSteps();
    for (;;) {
      try {
        this.scope = new CancellationScope();
        // The deadline may have passed in the very moment in which the part before came to its end.
        if (this.deadline.passed) this.scope.cancel();
        return await this.scope.run(part);
      } catch (error) {
        const mended = this.withoutRoom(error) ?? (await this.mended(error, steps[0]!));
        if (!mended) throw error;
        this.journal.phase('undoing');
        await CancellationScope.nonCancellable(() => this.ending.unwind({ since }));
        this.beginAgain(mended, steps);
      }
    }
  }

  /** Gets a slot of the region's image quota, which ends with the build. Waits for it if the spec says so. */
  async room(): Promise<void> {
    const name = 'checkQuota';
    if (this.journal.stateOf(name) !== 'pending') this.journal.again([name], this.generation, this.imageName);
    this.journal.begin(name);
    const { whenFull } = this.spec.room;
    const { region } = this.ref;
    try {
      await this.quotaRoom.enter(
        () =>
          this.again(name, `room for one more image in ${region}`, (activities, ref) =>
            activities.checkQuota({
              build: ref,
              imageName: this.imageName,
              room: { whenFull, family: this.spec.image.family, refusals: this.quotaRoom.refusals },
            }),
          ),
        () => this.upBeforeWaiting(),
      );
    } catch (error) {
      if (this.journal.stateOf(name) === 'running') this.ended(name, error);
      throw error;
    }
    this.journal.end(name, 'done');
  }

  /** Whether the cloud has refused the image once for want of room. */
  get lostItsRoom(): boolean {
    return this.quotaRoom.refusals > 0;
  }

  /** Stands before a step for as long as the build is paused; says whether it has stood. */
  async pausedBefore(name: StepName): Promise<boolean> {
    const first = this.gate.isClosed(name) ? this.upBeforeWaiting() : undefined;
    if (first) await first;
    const stood = await this.gate.pass(name, this.deadline);
    if (stood) this.journal.phase('checking');
    return stood;
  }

  /**
   * A source that was found down with our restore tag, since an earlier build or an earlier run of this one left it so, does
   * not wait for people or for room: it is started now, and stopped again when the build goes on.
   *
   * @returns undefined when there is nothing to do. It is not to be awaited then: a turn of the event loop more, and timers of
   *   recorded builds are cancelled and started in another order.
   */
  private upBeforeWaiting(): Promise<void> | undefined {
    if (!this.source.hasToRestart || !patched(upBeforeItWaits)) return undefined;
    return this.restoreInAnyCase();
  }

  /** Starts the source, if it has to be, whatever becomes of the build. Need not be waited for. */
  restoreInAnyCase(): Promise<void> {
    const restoring = CancellationScope.nonCancellable(() => this.ending.restoreSource());
    restoring.catch(() => undefined);
    return restoring;
  }

  /**
   * Runs one step and shows it.
   *
   * @param begin what the build owes from the moment on in which the step begins
   */
  async step<T>(name: StepName, summary: string, call: StepCall<T>, begin?: () => void): Promise<T> {
    while (this.gate.isClosed(name)) await this.gate.pass(name, this.deadline);
    begin?.();
    const phase = phaseOf[name];
    if (phase) this.journal.phase(phase);
    this.journal.begin(name);
    const result = await this.again(name, summary, call);
    this.journal.end(name, 'done');
    return result;
  }

  /** Another activity of a step that has begun. */
  async again<T>(name: StepName, summary: string, call: StepCall<T>): Promise<T> {
    try {
      return await this.extensions.run(name, this.spec.deadlines, (deadline, dispatchedBefore) => {
        const ref = dispatchedBefore ? { ...this.ref, reset: true, extended: !this.ref.reset } : this.ref;
        return call(activitiesOf(this.spec, { summary, deadline }), ref);
      });
    } catch (error) {
      this.ended(name, error);
      throw error;
    }
  }

  private ended(name: StepName, error: unknown): void {
    const failure = stepFailure(error);
    const cancelled = isCancellation(error);
    const overdue = cancelled && this.deadline.passed && this.failedStep === undefined;
    if (overdue) this.overdueIn = waitOf(error);
    if (!cancelled || overdue) this.failedStep ??= name;
    this.journal.end(name, cancelled ? 'cancelled' : 'failed', cancelled ? undefined : failure.message);
    this.learn(name, failure);
  }

  /** Whether a step's deadline was put off, so that it may have been called more than once. */
  wasExtended(name: StepName): boolean {
    return this.extensions.hasExtended(name);
  }

  /** The spec does not ask for this step, or there is nothing for it to do. */
  skip(name: StepName): undefined {
    if (this.journal.stateOf(name) === 'pending') this.journal.end(name, 'skipped');
    return undefined;
  }

  /** Declares how the step that begins now is undone. */
  undoable(name: Undo['name'], call: ConstructorParameters<typeof Undo>[2]): Undo {
    return this.saga.push(name, this.generation, call);
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

  /** What the inspection found: the account that the build is in, and whether an earlier one left the source down. */
  inspected({ accountId, claimed }: SourceFacts): void {
    this.ref = { ...this.ref, accountId };
    this.source.inspected(claimed);
  }

  /**
   * Takes up what the runs before a reset have made and kept, so that nothing is shut down or made again: the build goes on
   * from its commit point.
   *
   * @returns whether it does; a build that has gone on otherwise goes on so
   */
  adopt({ image, snapshots }: MadeBefore): boolean {
    if (!patched(takesUp)) return false;
    for (const name of ['checkQuota', 'shutdownInstance', 'snapshotDisks', 'createImage', 'pollImage'] as const) {
      this.skip(name);
    }
    this.imageName = image.name;
    this.journal.named(image.name);
    const taken = snapshots.map(({ snapshotId, diskId }) => ({ id: snapshotId, note: `of ${diskId}` }));
    const undoSnapshots = this.undoable('undoSnapshotDisks', (activities, how) =>
      activities.undoSnapshotDisks({ ...how, build: this.ref }),
    );
    this.made('snapshotDisks', undoSnapshots, 'snapshot', taken);
    const undoImage = this.undoable('undoCreateImage', (activities, how) =>
      activities.undoCreateImage({
        ...how,
        build: this.ref,
        name: image.name,
        inputSnapshotIds: snapshots.map(({ snapshotId }) => snapshotId),
      }),
    );
    this.made('createImage', undoImage, 'image', [{ id: image.imageId, note: image.name }]);
    this.committed(undoImage, image);
    return true;
  }

  /** The image is usable: nothing that was made so far is destroyed by this build any more. */
  committed(undo: Undo, image: ImageFacts): void {
    const known = this.saga.resources.map(({ id }) => id);
    const implicit = image.snapshotIds.filter((id) => !known.includes(id));
    undo.made(implicit.map((id) => ({ type: 'snapshot', id, note: ofImage })));
    this.isCommitted = true;
    this.saga.commit();
    this.ending.untagged = true;
  }

  /** What is kept carries its tag. */
  tagged(): void {
    this.ending.untagged = false;
  }

  result(made: {
    source: { instanceId: string; wasRunning: boolean };
    image: BuildResult['image'];
    snapshots: BuildResult['snapshots'];
    instance: BuildResult['instance'];
  }): BuildResult {
    const { source, image, snapshots, instance } = made;
    const { downTimes, operation } = this.source;
    return {
      buildId: this.ref.buildId,
      region: this.ref.region,
      image: { ...image, family: this.spec.image.family },
      snapshots,
      instance,
      source: {
        instanceId: source.instanceId,
        wasRunning: source.wasRunning,
        downTimeSeconds: downTimes.length > 0 ? downTimes.reduce((sum, one) => sum + one, 0) : undefined,
        ...(downTimes.length > 1 ? { downTimes } : {}),
        ...(operation === undefined ? {} : { operation }),
      },
      steps: this.journal.durations(),
      resources: this.saga.resources,
    };
  }

  /**
   * A reset runs the build once more. Until it has got as far as the run before, whatever that made or took down is found by
   * name and tag, should this one end early.
   */
  private takeUp(): void {
    this.source.mayBeDown();
    this.saga.expect('undoSnapshotDisks', (activities, how) =>
      activities.undoSnapshotDisks({ ...how, build: this.ref }),
    );
    this.saga.expect('undoCreateImage', (activities, how) =>
      activities.undoCreateImage({ ...how, build: this.ref, name: this.imageName, inputSnapshotIds: [] }),
    );
    this.saga.expect('undoLaunchInstance', (activities, how) =>
      activities.undoLaunchInstance({ ...how, build: this.ref }),
    );
  }

  /** Holds the build after a failure; answers the spec to go on with, or undefined when it is not to go on. */
  private async mended(error: unknown, retryFrom: StepName): Promise<BuildSpec | undefined> {
    const failure = this.reasonOf(error);
    if (this.spec.onFailure !== 'hold' || failure.code === 'Cancelled' || this.isOvertaken(error)) return undefined;
    this.deadline.stop();
    if (failure.claimed === true) this.source.willRestart({ claimed: true });
    const { code, advice, requestId } = failure;
    const step = this.failedStep;
    const message = this.ending.told(failure, step);
    const secondDownTime = retryFrom === 'inspectSource' && this.source.wentDown;
    // The source does not wait for anybody. Who mends the build meanwhile waits for it.
    void this.restoreInAnyCase();
    this.ending.held = message;
    const story = { step, code, message, advice, requestId };
    this.notices.held(story, this.spec.deadlines.hold);
    const about = { ...story, retryFrom, secondDownTime, imageStays: this.isCommitted };
    const mended = await this.hold.wait({ about, spec: this.spec, committed: this.isCommitted });
    if (!mended) {
      this.ending.heldInVain = true;
      return undefined;
    }
    this.ending.held = undefined;
    return mended;
  }

  /**
   * Somebody else has taken the room since the build got its slot, and the cloud refuses the image. A build that may wait
   * undoes what it has made, its source first, and waits once more; but not without end, since each time may cost a down-time.
   */
  private withoutRoom(error: unknown): BuildSpec | undefined {
    const { code } = this.reasonOf(error);
    const refused = code === 'ImageQuotaLimitExceeded' && this.failedStep === 'createImage';
    if (!refused || this.spec.room.whenFull === 'fail' || this.quotaRoom.refusals >= mostRefusals) return undefined;
    this.deadline.stop();
    this.quotaRoom.refusals += 1;
    return this.spec;
  }

  private beginAgain(spec: BuildSpec, steps: StepName[]): void {
    this.spec = spec;
    this.imageName = this.expandedName();
    this.generation += 1;
    this.failedStep = undefined;
    this.overdueIn = undefined;
    this.journal.again(steps, this.generation, this.imageName);
    this.journal.phase(steps[0] === 'inspectSource' ? 'checking' : 'imaging');
    this.deadline.renew();
  }

  private expandedName(): string {
    const { image, instanceId } = this.spec;
    const { firstExecutionRunId, startTime } = workflowInfo();
    const buildId = buildIdOf(instanceId, firstExecutionRunId);
    return expandImageName(image.name, { startedAt: startTime, instanceId, family: image.family, buildId });
  }

  /** What a failed step says about its own outcome spares the undo a settle window, or itself. */
  private learn(name: StepName, { untouched, gone = [] }: StepFailure): void {
    this.saga.lose(gone);
    if (untouched !== true) return;
    if (name === 'shutdownInstance') this.source.untouched();
    const last = this.saga.last;
    // What has made something is not over because a later activity of the same step changed nothing.
    if (last && last.resources.length > 0) return;
    if (last?.name === `undo${name.charAt(0).toUpperCase()}${name.slice(1)}`) last.over = true;
  }

  private reasonOf(error: unknown): StepFailure {
    // A step may fail of something else while it is being cancelled: what was asked for counts.
    const cancelled = CancellationScope.current().consideredCancelled;
    if (!isCancellation(error) && !cancelled) return stepFailure(error);
    return this.deadline.passed && !cancelled
      ? this.deadline.failure(this.overdueIn)
      : { code: 'Cancelled', message: 'the build was cancelled' };
  }
}

/** Steps that find the source up, so that a build may stand before them. */
function placesToPause({ method, launch }: BuildSpec): StepName[] {
  return [
    'shutdownInstance',
    ...(method === 'snapshots' ? (['createImage'] as const) : []),
    ...(launch ? (['launchInstance'] as const) : []),
  ];
}
