import { randomUUID } from 'node:crypto';
import type { Client, WorkflowExecutionDescription, WorkflowStartOptions } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import {
  type BuildResult,
  type BuildSpec,
  type BuildSpecInput,
  buildWorkflowId,
  buildWorkflowType,
  checkSpec,
  defaultTaskQueue,
  formatProblems,
  searchAttributes,
  specHash,
  specHashMemo,
} from '../contract';
import { BuildFailedError, ClientError, ConflictError, SpecError, UnreachableError } from './errors';
import { followBuild, type FollowOptions } from './follow-build';
import { imageNameMemo, requestMemo } from './memo';
import { type BuildOutcome, buildIdOfRun, firstRunOf, outcomeOf } from './outcome';
import { isPassing, rpcCodes, rpcFailure } from './rpc-failure';
import { specOf } from './spec-of';
import type { BuildView } from './view';
import { statusOf } from './watch';

export interface StartOptions {
  /** Default: CVM_IMAGE_TASK_QUEUE, else `cvm-image-builder`. */
  taskQueue?: string;
}

/** A build that was started or joined. */
export interface BuildHandle {
  workflowId: string;
  runId: string;
  buildId: string;
  taskQueue: string;
  /** True when the same build was running already. */
  joined: boolean;
  /** True when that one was being cancelled or undone when it was joined: no image will come of it. */
  undoing: boolean;
  /** Waits for the end. @throws {BuildFailedError} with the whole report when it did not complete */
  result(): Promise<BuildResult>;
  /** The states of the build until its end. */
  progress(options?: FollowOptions): AsyncGenerator<BuildView, void, undefined>;
  /** Asks the build to stop and to undo what it made; returns once Temporal has noted it. */
  cancel(): Promise<void>;
}

/**
 * Starts a build, or joins the one of the same instance that is running, if its spec asks for the same.
 *
 * @throws {SpecError} with every problem of the spec; nothing was started
 * @throws {ConflictError} when a build of the instance with another spec is running; nothing was started
 * @throws {UnreachableError} when Temporal went away meanwhile: a build may have been started, and asking again joins it
 */
export async function startBuild(
  client: Client,
  specInput: BuildSpecInput,
  { taskQueue = process.env.CVM_IMAGE_TASK_QUEUE ?? defaultTaskQueue }: StartOptions = {},
): Promise<BuildHandle> {
  const check = checkSpec(specInput);
  if (!check.ok) throw new SpecError(check.problems, formatProblems(check.problems));
  const { spec } = check;
  const workflowId = buildWorkflowId(spec.region, spec.instanceId);
  const hash = specHash(spec);
  const request = randomUUID();

  const options: WorkflowStartOptions = {
    workflowId,
    taskQueue,
    args: [spec],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    memo: { [specHashMemo]: hash, [imageNameMemo]: spec.image.name, [requestMemo]: request },
    typedSearchAttributes: attributesOf(spec),
    staticSummary: summaryOf(spec),
    staticDetails: detailsOf(spec),
  };
  for (let meetings = 1; ; meetings += 1) {
    const run = await startOrMeet(client, workflowId, options);
    // The answer does not say whether the run is new. Its memo does, and it stays readable when the run is over already.
    const joined = run.memo?.[requestMemo] !== request;
    if (!joined || (await asksFor(client, run, hash))) return handleOf(client, run, joined);
    // The other build may have ended since it was met: then nothing stands in the way any more.
    if (statusOf(run.status.name) === 'running' || meetings === mostMeetings) throw conflict(spec, run);
  }
}

/** Each meeting is one more build of others that ended at just that moment. */
const mostMeetings = 10;
/** The SDK repeats a call that fails for want of a server; together its attempts take no longer. */
const startLimitMs = 10_000;

/** The run that the start made, or the one that was running. A repeated start does not start twice. */
async function startOrMeet(
  client: Client,
  workflowId: string,
  options: WorkflowStartOptions,
): Promise<WorkflowExecutionDescription> {
  try {
    return await client.withDeadline(Date.now() + startLimitMs, async () => {
      const { firstExecutionRunId } = await client.workflow.start(buildWorkflowType, options).catch(explainStart);
      return client.workflow.getHandle(workflowId, firstExecutionRunId).describe();
    });
  } catch (error) {
    throw explainLost(error, workflowId);
  }
}

/** Says which search attribute is missing, when that is why Temporal does not start a workflow. */
export function explainStart(error: unknown): never {
  const failure = rpcFailure(error);
  if (failure?.code === rpcCodes.invalidArgument && /search attribute/i.test(failure.details)) {
    throw new ClientError(
      `Temporal's namespace lacks a search attribute (${failure.details}). A worker registers them when it starts: cvm-image worker; or do it yourself: cvm-image doctor --fix`,
    );
  }
  throw error;
}

/** Of a start whose answer was lost nobody knows what came. */
function explainLost(error: unknown, workflowId: string): unknown {
  if (!isPassing(error)) return error;
  return new UnreachableError(
    `Temporal did not answer (${rpcFailure(error)?.details ?? ''}), so that it is not known whether ${workflowId} was started.\n` +
      'Ask again in the same way once Temporal is back: if it was, that joins it.',
  );
}

/**
 * Whether a run was asked for what we ask for. Its noted fingerprint may be that of a client of another version, or be
 * missing when it was started by other means, such as the Web UI: then its input is read as we read our own.
 */
export async function asksFor(client: Client, run: WorkflowExecutionDescription, hash: string): Promise<boolean> {
  if (run.memo?.[specHashMemo] === hash) return true;
  const check = checkSpec(await specOf(client, run.workflowId, run.runId));
  return check.ok && specHash(check.spec) === hash;
}

export function conflict(
  { instanceId }: Pick<BuildSpec, 'instanceId'>,
  { workflowId, runId }: { workflowId: string; runId: string },
): ConflictError {
  const message = [
    `A build of ${instanceId} with another spec is running: ${workflowId}. Nothing was started.`,
    `See its spec with: cvm-image show ${workflowId}`,
    `Wait for its end:  cvm-image watch ${workflowId}`,
    `or cancel it:      cvm-image cancel ${workflowId}`,
  ].join('\n');
  return new ConflictError(message, { workflowId, runId });
}

function handleOf(client: Client, run: WorkflowExecutionDescription, joined: boolean): BuildHandle {
  const { workflowId, runId, taskQueue } = run;
  // However many wait for the end, Temporal is asked once.
  let asked: Promise<BuildOutcome<BuildResult>> | undefined;
  const ended = () =>
    (asked ??= outcomeOf<BuildResult>(client, workflowId, runId).catch((error: unknown) => {
      asked = undefined;
      throw error;
    }));
  return {
    workflowId,
    runId,
    buildId: buildIdOfRun(run),
    taskQueue,
    joined,
    undoing:
      run.raw.workflowExtendedInfo?.cancelRequested === true ||
      run.typedSearchAttributes.get(searchAttributes.BuildPhase) === 'undoing',
    async result() {
      const outcome = await ended();
      if (outcome.status === 'completed') return outcome.result;
      throw new BuildFailedError(outcome.status, outcome.failure);
    },
    progress: (options) => followBuild(client, { workflowId, runId }, options),
    async cancel() {
      await client.workflow.getHandle(workflowId, undefined, { firstExecutionRunId: firstRunOf(run) }).cancel();
    },
  };
}

export function attributesOf({ region, instanceId, image }: BuildSpec): SearchAttributePair[] {
  return [
    { key: searchAttributes.ImageRegion, value: region },
    { key: searchAttributes.SourceInstanceId, value: instanceId },
    ...(image.family === undefined ? [] : [{ key: searchAttributes.ImageFamily, value: image.family }]),
  ];
}

/**
 * At most 200 bytes, which is what Temporal takes; a name of 60 CJK characters is 180.
 *
 * @param what `Image`, or `Plan of image`
 */
export function summaryOf({ region, instanceId, image }: BuildSpec, what = 'Image'): string {
  const about = ` of ${instanceId} (${region})`;
  let name = image.name;
  while (Buffer.byteLength(`${what} ${name}${about}`) > 200) name = name.slice(0, -1);
  return `${what} ${name}${about}`;
}

export function detailsOf(spec: BuildSpec): string {
  const { region, instanceId, image, method, dataDisks, launch, onFailure } = spec;
  const disks = Array.isArray(dataDisks) ? `snapshots of ${dataDisks.join(', ')}` : dataDisks;
  return [
    `Custom image **${image.name.replaceAll('*', '')}** of instance \`${instanceId}\` in ${region}.`,
    '',
    `- method: ${method}; data disks: ${disks}`,
    ...(image.family === undefined ? [] : [`- image family: ${image.family}`]),
    `- launch: ${launch ? `an instance in ${launch.zone}` : 'none'}`,
    `- on failure: ${onFailure}`,
  ].join('\n');
}
