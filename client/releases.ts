import {
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowExecutionInfo,
  WorkflowFailedError,
} from '@temporalio/client';
import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import {
  approveUpdate,
  type BuildPhase,
  buildWorkflowType,
  type Decision,
  goldenImageWorkflowType,
  type HeldInList,
  imageNameMemo,
  rejectUpdate,
  type Release,
  releaseIdOf,
  releaseQuery,
  reportMemo,
  searchAttributes,
  type Verdict,
} from '../contract';
import { send } from './control-build';
import { BuildNotFoundError, ClientError } from './errors';
import type { BuildRun } from './follow-build';
import { buildSummary, type BuildSummary, conditionsOf, findRuns, heldOf, type ListOptions } from './list-builds';
import type { BuildStatus } from './outcome';
import { statusOf } from './watch';

/**
 * Approves the candidate that waits.
 *
 * @throws {ClientError} when none waits, or no worker answers
 */
export const approveRelease = (client: Client, run: BuildRun, verdict: Verdict): Promise<Decision> =>
  send(client, run, approveUpdate, [verdict]);

/**
 * Rejects the candidate that waits.
 *
 * @throws {ClientError} when none waits, the reason is missing, or no worker answers
 */
export const rejectRelease = (client: Client, run: BuildRun, verdict: Verdict): Promise<Decision> =>
  send(client, run, rejectUpdate, [verdict]);

/** A run of a pipeline as Temporal's visibility has it; no worker is asked. */
export interface ReleaseSummary {
  kind: 'release';
  workflowId: string;
  runId: string;
  /** The release ID. */
  buildId: string;
  region: string;
  pipeline: string;
  /** The source; empty until it is found. */
  instanceId: string;
  family?: string | undefined;
  status: BuildStatus;
  phase: BuildPhase;
  /** The stage that is held, while one is. */
  held?: HeldInList;
  /** The image's name as the pipeline has it, its placeholders not filled in. */
  imageName?: string;
  imageId?: string | undefined;
  /** ISO 8601, UTC. */
  startedAt: string;
  endedAt?: string | undefined;
}

/** Runs of pipelines, the open ones first, then from the one that ended last. */
export async function listReleases(
  client: Client,
  options: { region?: string; family?: string; waiting?: boolean; held?: boolean; limit?: number } = {},
): Promise<ReleaseSummary[]> {
  const { waiting = false, limit = 20 } = options;
  const conditions = [
    ...conditionsOf({ ...options, all: true }),
    ...(waiting ? [`BuildPhase = 'waiting'`, `ExecutionStatus = 'Running'`] : []),
  ];
  return findRuns(client, [goldenImageWorkflowType], conditions, limit, releaseSummary);
}

/** Builds and runs of pipelines together, the open ones first, then from the one that ended last; a release has a `kind`. */
export const listBuildsAndReleases = (
  client: Client,
  options: ListOptions = {},
): Promise<(BuildSummary | ReleaseSummary)[]> =>
  findRuns(
    client,
    [buildWorkflowType, goldenImageWorkflowType],
    conditionsOf(options),
    options.limit ?? 20,
    (info): BuildSummary | ReleaseSummary =>
      info.type === goldenImageWorkflowType ? releaseSummary(info) : buildSummary(info),
  );

function releaseSummary(info: WorkflowExecutionInfo): ReleaseSummary {
  const { workflowId, runId, typedSearchAttributes: attributes, memo, closeTime } = info;
  const [, region = '', ...name] = workflowId.split('/');
  const status = statusOf(info.status.name);
  const told = attributes.get(searchAttributes.BuildPhase) as BuildPhase | undefined;
  // A terminated workflow could not write its last phase any more.
  const phase = status === 'running' ? (told ?? 'checking') : status === 'terminated' ? 'failed' : (told ?? 'failed');
  const imageName = memo?.[imageNameMemo];
  return {
    kind: 'release',
    workflowId,
    runId,
    buildId: attributes.get(searchAttributes.BuildId) ?? releaseIdOf(runId),
    region,
    pipeline: name.join('/'),
    instanceId: attributes.get(searchAttributes.SourceInstanceId) ?? '',
    family: attributes.get(searchAttributes.ImageFamily),
    status,
    phase,
    ...heldOf(phase, memo),
    ...(typeof imageName === 'string' ? { imageName } : {}),
    imageId: attributes.get(searchAttributes.ImageId),
    startedAt: info.startTime.toISOString(),
    ...(closeTime ? { endedAt: closeTime.toISOString() } : {}),
  };
}

/** A run of a pipeline, with what its manifest says of its end. */
export type EndedRelease = ReleaseSummary & Partial<Pick<Release, 'outcome' | 'nominalAt' | 'reason'>>;

/**
 * How these runs came out, as far as they are over. No worker is asked: one that was terminated says nothing, and one that left no
 * manifest behind stays as it is.
 */
export const outcomesOf = (client: Client, releases: ReleaseSummary[]): Promise<EndedRelease[]> =>
  Promise.all(
    releases.map(async (one) => {
      if (one.status === 'running' || one.status === 'terminated') return one;
      try {
        const run = await client.workflow.getHandle(one.workflowId, one.runId).describe();
        const { outcome, nominalAt, reason } = (await manifestLeft(client, run)) ?? {};
        return {
          ...one,
          ...(outcome === undefined ? {} : { outcome }),
          ...(nominalAt === undefined ? {} : { nominalAt }),
          ...(reason === undefined ? {} : { reason }),
        };
      } catch {
        // It failed before it had a manifest, or Temporal has just forgotten it: the others are listed all the same.
        return one;
      }
    }),
  );

/**
 * The manifest of a release: of one that is over from its end, which needs no worker; of one on its way from its worker.
 *
 * @throws {BuildNotFoundError} when there is none
 * @throws {ClientError} when it did not live to write one
 */
export async function releaseOf(client: Client, { workflowId, runId }: BuildRun): Promise<Release> {
  const handle = client.workflow.getHandle(workflowId, runId);
  const run = await handle.describe().catch((error: unknown) => {
    if (error instanceof WorkflowNotFoundError) throw new BuildNotFoundError(`Temporal knows no release ${workflowId}`);
    throw error;
  });
  if (run.type !== goldenImageWorkflowType) throw new BuildNotFoundError(`${workflowId} is a ${run.type}, no release`);
  const left =
    statusOf(run.status.name) === 'running' ? manifestIn(run.memo?.[reportMemo]) : await manifestLeft(client, run);
  return left ?? handle.query(releaseQuery);
}

/**
 * What a run that is over has left behind: its result, or the manifest in its failure or its memo. No worker is asked.
 *
 * @throws {ClientError} when it failed before it had a manifest
 */
async function manifestLeft(client: Client, run: WorkflowExecutionDescription): Promise<Release | undefined> {
  try {
    return (await client.workflow.getHandle(run.workflowId, run.runId).result()) as Release;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    if (!(cause instanceof ApplicationFailure)) return manifestIn(run.memo?.[reportMemo]);
    const release = manifestIn(cause.details?.[0]);
    if (release) return release;
    throw new ClientError(cause.message);
  }
}

const manifestIn = (report: unknown): Release | undefined => (report as { release?: Release } | undefined)?.release;
