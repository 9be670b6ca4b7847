import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type BuildActivities,
  type BuildFailure,
  type BuildPhase,
  type BuildRef,
  type ImageActivities,
  type OperationKind,
  type OperationProgress,
  progressQuery,
  reportMemo,
  type Resource,
  searchAttributes,
  type StepProgress,
} from '../contract';
import { activitiesOf } from './build-activities';
import { stepFailure, type StepFailure } from './failures';
import { now, secondsBetween } from './journal';
import { operationDetails } from './operation-details';

type Activities = BuildActivities & ImageActivities;

interface About<Name extends string> {
  kind: OperationKind;
  /** The operation's ID; it becomes part of the tags of what is made. */
  id: string;
  /** ID or name of the image, as it was asked for. */
  image: string;
  spec: { region: string; roleArn?: string | undefined; deadlines: { heartbeat: number } };
  steps: readonly Name[];
}

/**
 * A launch or a deletion at work: what a build is to its procedure, for the smaller ones that have no source instance.
 * Deadlines of steps, reporting, and what happens when it fails or is cancelled are here.
 */
export class Operation<Name extends string> {
  /** What every activity is told. The image stands where a build has its source instance. */
  ref: BuildRef;
  /** Every resource made or deleted, with what became of it. */
  readonly resources: Resource[] = [];
  private readonly progress: OperationProgress<Name>;
  private readonly spec: About<Name>['spec'];
  private failedStep: Name | undefined;

  constructor({ kind, id, image, spec, steps }: About<Name>) {
    const { runId, firstExecutionRunId } = workflowInfo();
    const { region, roleArn } = spec;
    this.spec = spec;
    this.ref = { buildId: id, region, instanceId: image, reset: runId !== firstExecutionRunId, roleArn };
    this.progress = {
      kind,
      buildId: id,
      region,
      imageName: image,
      phase: 'checking',
      steps: steps.map((step) => ({ step, state: 'pending', resources: [] })),
      undo: [],
    };
    setHandler(progressQuery, () => this.progress as never, {
      description: 'Where it is: its steps with their states, times and resources',
    });
    upsertSearchAttributes([
      { key: searchAttributes.BuildId, value: id },
      { key: searchAttributes.BuildPhase, value: 'checking' },
      { key: searchAttributes.ImageRegion, value: region },
    ]);
    this.show();
  }

  /**
   * Runs the story to its end. When it does not come to it, puts right what has to be, and fails with a report.
   *
   * @param putRight what is done then; it must not throw, and cannot be cancelled
   */
  async run<Result>(
    story: () => Promise<Result>,
    putRight: (failure: StepFailure) => Promise<void> | void,
  ): Promise<Result> {
    try {
      const result = await story();
      this.phase('completed');
      return result;
    } catch (error) {
      const failure = isCancelled(error) ? undefined : stepFailure(error);
      throw await CancellationScope.nonCancellable(() => this.fail(failure, putRight));
    }
  }

  /** The image is known now, and the account that it is in. */
  found({ imageId, name }: { imageId: string; name: string }, accountId: string | undefined): void {
    this.ref = { ...this.ref, instanceId: imageId, accountId };
    Object.assign(this.progress, { imageId, imageName: name });
    upsertSearchAttributes([{ key: searchAttributes.ImageId, value: imageId }]);
    this.show();
  }

  phase(phase: BuildPhase): void {
    this.progress.phase = phase;
    upsertSearchAttributes([{ key: searchAttributes.BuildPhase, value: phase }]);
    this.show();
  }

  /** Runs one step under its deadline (seconds), and shows it. */
  async step<T>(
    name: Name,
    about: { summary: string; deadline: number },
    call: (activities: Activities) => Promise<T>,
  ): Promise<T> {
    this.change(name, { state: 'running', startedAt: now() });
    try {
      const result = await call(activitiesOf(this.spec, about));
      this.change(name, { state: 'done', endedAt: now() });
      return result;
    } catch (error) {
      const cancelled = isCancelled(error);
      if (!cancelled) this.failedStep = name;
      const note = cancelled ? {} : { note: stepFailure(error).message };
      this.change(name, { state: cancelled ? 'cancelled' : 'failed', endedAt: now(), ...note });
      throw error;
    }
  }

  /** There is nothing for this step to do. */
  skip(name: Name): void {
    this.change(name, { state: 'skipped' });
  }

  /** What a step made or works on. */
  about(name: Name, resources: string[]): void {
    this.change(name, { resources });
  }

  /** Runs an undo and shows it; answers undefined when it did not come to its end. */
  async undo<T extends { resources: Resource[] }>(
    name: string,
    deadline: number,
    call: (activities: Activities) => Promise<T>,
  ): Promise<T | StepFailure> {
    this.phase('undoing');
    const shown = { name, state: 'running' as 'running' | 'done' | 'failed', startedAt: now() };
    this.progress.undo.push(shown);
    const end = (state: 'done' | 'failed', note: string) => {
      Object.assign(shown, { state, endedAt: now(), note });
      this.show();
    };
    try {
      const outcome = await call(activitiesOf(this.spec, { summary: `undo: ${name}`, deadline }));
      end('done', outcome.resources.map(({ id }) => id).join(', ') || 'there was nothing');
      return outcome;
    } catch (error) {
      const failure = stepFailure(error);
      end('failed', failure.message);
      return failure;
    }
  }

  /** Seconds that each finished step took. */
  durations(): { step: Name; seconds: number }[] {
    return this.progress.steps
      .filter(({ state, endedAt }) => state === 'done' && endedAt !== undefined)
      .map(({ step, startedAt, endedAt }) => ({ step, seconds: secondsBetween(startedAt!, endedAt!) }));
  }

  /** @param reason why it failed; none when it was cancelled */
  private async fail(
    reason: StepFailure | undefined,
    putRight: (failure: StepFailure) => Promise<void> | void,
  ): Promise<Error> {
    const { kind, buildId } = this.progress;
    const failure: StepFailure = reason ?? {
      code: 'Cancelled',
      message: kind === 'delete' ? 'the deletion was cancelled' : 'the launch was cancelled',
    };
    const cancelled = reason === undefined;
    const message = this.failedStep ? `${this.failedStep}: ${failure.message}` : failure.message;
    this.progress.failure = message;
    await putRight(failure);
    const report: BuildFailure<Name> = {
      buildId,
      step: this.failedStep,
      code: failure.code,
      message: failure.message,
      advice: failure.advice,
      requestId: failure.requestId,
      resources: this.resources,
    };
    this.progress.report = report;
    this.phase(cancelled ? 'cancelled' : 'failed');
    if (cancelled) {
      // A cancelled workflow has no failure that could tell; the memo is there without a worker too.
      upsertMemo({ [reportMemo]: report });
      return new CancelledFailure(failure.message, [report]);
    }
    return ApplicationFailure.create({ type: failure.code, message, nonRetryable: true, details: [report] });
  }

  private change(name: Name, change: Partial<StepProgress<Name>>): void {
    const step = this.progress.steps.find((one) => one.step === name)!;
    Object.assign(step, change);
    this.show();
  }

  private show(): void {
    setCurrentDetails(operationDetails(this.progress));
  }
}

/** Also an activity that failed when it was to be cancelled ends a cancelled operation: it is not tried again. */
const isCancelled = (error: unknown) => isCancellation(error) || CancellationScope.current().consideredCancelled;
