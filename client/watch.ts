import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowExecutionDescription, WorkflowExecutionStatusName } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { type BuildPhase, type BuildProgress, operations, progressQuery, searchAttributes } from '../contract';
import { BuildNotFoundError } from './errors';
import { estimate, type ImageHistory, imageHistory, wantsEstimate } from './estimate';
import { imageNameMemo } from './memo';
import {
  type BuildOutcome,
  buildIdOfRun,
  kindOfRun,
  type BuildStatus,
  outcomeOf,
  partsOf,
  successorOf,
} from './outcome';
import { pendingActivities } from './pending-activity';
import { rpcCodes, rpcFailure } from './rpc-failure';
import { type BuildView, composeView, type KnownBuild } from './view';

const describeLimitMs = 5000;
const queryLimitMs = 3000;
/** How long a look waits for a slow worker before it shows what the server alone knows. */
const patienceMs = 400;
/** A worker is asked when something has happened, and this often all the same, to see whether it is there. */
const livenessMs = 10_000;

/** Looks at one build again and again, asking its worker no more than necessary. */
export class BuildWatch {
  private progress: BuildProgress | undefined;
  /** Length of the history that `progress` is at least as new as. */
  private progressLength = -1;
  private askedAt = 0;
  private asking: Promise<void> | undefined;
  private workerNote: string | undefined;
  private outcome: BuildOutcome | undefined;
  /** Asked for once, when it is first of use: what earlier builds tell does not change while this one is watched. */
  private history: ImageHistory | undefined;
  private historyAsked = false;

  constructor(
    private readonly client: Client,
    private readonly workflowId: string,
    private runId?: string,
  ) {}

  /**
   * The build as it is now.
   *
   * @param patience milliseconds that a worker's answer is waited for; a build that is over gets all the time it takes
   * @throws {BuildNotFoundError} when Temporal does not know it; otherwise what the SDK throws when Temporal is away
   */
  async look(patience = patienceMs): Promise<BuildView> {
    const description = await this.describe();
    const known = knownFrom(description);
    const over = known.status !== 'running';
    this.askWorker(description, over);
    const asking = this.asking;
    if (asking) await (over ? asking : Promise.race([asking, sleep(patience, undefined, { ref: false })]));
    if (over) this.outcome ??= await outcomeOf(this.client, known.workflowId, known.runId);
    const view = composeView(
      known,
      this.progress,
      over ? [] : await pendingActivities(this.client, description.raw),
      over ? [] : this.notes(description),
      this.outcome,
    );
    this.estimateIn(view, description.typedSearchAttributes.get(searchAttributes.ImageFamily));
    return view;
  }

  /** A look does not wait for the history: the estimate is in one of the next. Without it, nothing is made up. */
  private estimateIn(view: BuildView, family: string | undefined): void {
    const step = view.steps.find(wantsEstimate);
    if (!step) return;
    if (this.history) estimate(step, this.history, Date.now());
    if (this.historyAsked) return;
    this.historyAsked = true;
    const { instanceId } = view;
    imageHistory(this.client, { family, instanceId }).then(
      (history) => (this.history = history),
      () => (this.historyAsked = false),
    );
  }

  private async describe(): Promise<WorkflowExecutionDescription> {
    const description = await this.describeRun(this.runId);
    if (!(description.type in operations)) {
      throw new BuildNotFoundError(`${this.workflowId} is a ${description.type}, not a build, a launch or a deletion`);
    }
    this.runId = description.runId;
    if (description.status.name !== 'TERMINATED') return description;
    const next = await successorOf(this.client, description);
    if (!next) return description;
    this.runId = next.runId;
    this.progressLength = -1;
    return next;
  }

  private async describeRun(runId: string | undefined): Promise<WorkflowExecutionDescription> {
    const handle = this.client.workflow.getHandle(this.workflowId, runId);
    try {
      return await this.client.withDeadline(Date.now() + describeLimitMs, () => handle.describe());
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) {
        throw new BuildNotFoundError(`Temporal knows no build ${this.workflowId}${runId ? ` with run ${runId}` : ''}`);
      }
      throw error;
    }
  }

  private askWorker({ historyLength, runId, taskQueue }: WorkflowExecutionDescription, over: boolean): void {
    const stale = historyLength !== this.progressLength;
    if (this.asking || (!stale && (over || Date.now() - this.askedAt < livenessMs))) return;
    this.askedAt = Date.now();
    this.asking = this.ask(historyLength, runId, taskQueue).finally(() => (this.asking = undefined));
  }

  private async ask(historyLength: number, runId: string, taskQueue: string): Promise<void> {
    const handle = this.client.workflow.getHandle(this.workflowId, runId);
    try {
      this.progress = await this.client.withDeadline(Date.now() + queryLimitMs, () => handle.query(progressQuery));
      this.progressLength = historyLength;
      this.workerNote = undefined;
    } catch (error) {
      const failure = rpcFailure(error);
      if (failure?.code === rpcCodes.unavailable) return; // Told by describe, which fails likewise.
      // Late, refused for want of a poller, or (exhausted) queued up behind queries that nobody answers either.
      const unheard = [rpcCodes.deadlineExceeded, rpcCodes.failedPrecondition, rpcCodes.resourceExhausted] as number[];
      this.workerNote =
        failure && unheard.includes(failure.code)
          ? `no worker is polling task queue ${taskQueue}; the build waits (start one: cvm-image worker)`
          : `the worker cannot tell how far the build is: ${failure?.details ?? messageOf(error)}`;
    }
  }

  private notes({ status, raw }: WorkflowExecutionDescription): string[] {
    const notes: string[] = [];
    if (status.name === 'PAUSED') notes.push('the workflow is paused in Temporal');
    const task = raw.pendingWorkflowTask;
    if ((task?.attempt ?? 0) > 2) {
      notes.push(`its workflow task fails again and again (attempt ${task?.attempt ?? 0}): see the worker's log`);
    }
    if (raw.workflowExtendedInfo?.cancelRequested && this.progress?.phase !== 'undoing') {
      notes.push('cancellation is requested');
    }
    if (this.workerNote !== undefined) notes.push(this.workerNote);
    return notes;
  }
}

const statuses: Partial<Record<WorkflowExecutionStatusName, BuildStatus>> = {
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed-out',
};

/** The status of a run in the words of this library. */
export const statusOf = (name: WorkflowExecutionStatusName): BuildStatus => statuses[name] ?? 'running';

function knownFrom(description: WorkflowExecutionDescription): KnownBuild {
  const { workflowId, runId, startTime, closeTime, status, typedSearchAttributes, memo } = description;
  const imageName = memo?.[imageNameMemo];
  const kind = kindOfRun(description);
  const { region, instanceId } = partsOf(workflowId);
  return {
    workflowId,
    runId,
    ...(kind === 'build' ? {} : { kind }),
    buildId: buildIdOfRun(description),
    region,
    instanceId: kind === 'build' ? instanceId : '',
    startedAt: startTime.toISOString(),
    endedAt: closeTime?.toISOString(),
    status: statusOf(status.name),
    phase: typedSearchAttributes.get(searchAttributes.BuildPhase) as BuildPhase | undefined,
    imageId: typedSearchAttributes.get(searchAttributes.ImageId),
    imageName: typeof imageName === 'string' ? imageName : undefined,
  };
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
