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
import { BuildFailedError, ClientError, ConflictError, SpecError } from './errors';
import { followBuild, type FollowOptions } from './follow-build';
import { imageNameMemo, requestMemo } from './memo';
import { buildIdOfRun, firstRunOf, outcomeOf } from './outcome';
import { rpcCodes, rpcFailure } from './rpc-failure';
import { specOf } from './spec-of';
import type { BuildView } from './view';

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
  /** Waits for the end. @throws {BuildFailedError} with the whole report when it did not complete */
  result(): Promise<BuildResult>;
  /** The states of the build until its end. */
  progress(options?: FollowOptions): AsyncGenerator<BuildView, void, undefined>;
  /** Asks the build to stop and to undo what it made; returns once Temporal has noted it. */
  cancel(): Promise<void>;
}

/**
 * Starts a build, or joins the one of the same instance that is running, if its spec is the same.
 *
 * @throws {SpecError} with every problem of the spec; nothing was started
 * @throws {ConflictError} when a build of the instance with another spec is running
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
  const { firstExecutionRunId: runId } = await client.workflow.start(buildWorkflowType, options).catch(explainStart);
  // The answer does not say whether the run is new. Its memo does, and it stays readable when the run is over already.
  const run = await client.workflow.getHandle(workflowId, runId).describe();
  const joined = run.memo?.[requestMemo] !== request;
  if (joined && (await hashOf(client, run)) !== hash) throw conflict(spec, run);
  return handleOf(client, run, joined);
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

/** The fingerprint of a run's spec; of its input when it was started by other means, such as the Web UI. */
export async function hashOf(client: Client, run: WorkflowExecutionDescription): Promise<unknown> {
  const noted = run.memo?.[specHashMemo];
  if (noted !== undefined) return noted;
  const check = checkSpec(await specOf(client, run.workflowId, run.runId));
  return check.ok ? specHash(check.spec) : undefined;
}

export function conflict(
  { instanceId }: Pick<BuildSpec, 'instanceId'>,
  { workflowId, runId }: { workflowId: string; runId: string },
): ConflictError {
  const message = [
    `A build of ${instanceId} with another spec is running: ${workflowId}`,
    `Watch it with: cvm-image watch ${workflowId}`,
    `or cancel it:  cvm-image cancel ${workflowId}`,
  ].join('\n');
  return new ConflictError(message, { workflowId, runId });
}

function handleOf(client: Client, run: WorkflowExecutionDescription, joined: boolean): BuildHandle {
  const { workflowId, runId, taskQueue } = run;
  return {
    workflowId,
    runId,
    buildId: buildIdOfRun(run),
    taskQueue,
    joined,
    async result() {
      const outcome = await outcomeOf<BuildResult>(client, workflowId, runId);
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
