import { type Client, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, WorkflowNotFoundError } from '@temporalio/common';
import {
  approveUpdate,
  type BuildPhase,
  type Decision,
  goldenImageWorkflowType,
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
import { quoted } from './list-builds';
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
  workflowId: string;
  runId: string;
  buildId: string;
  region: string;
  pipeline: string;
  family?: string | undefined;
  status: BuildStatus;
  phase: BuildPhase;
  imageId?: string | undefined;
  /** ISO 8601, UTC. */
  startedAt: string;
  endedAt?: string | undefined;
}

/** Runs of pipelines, the open ones first, then from the one that ended last. */
export async function listReleases(
  client: Client,
  options: { region?: string; family?: string; waiting?: boolean; limit?: number } = {},
): Promise<ReleaseSummary[]> {
  const { region, family, waiting = false, limit = 20 } = options;
  const query = [
    `WorkflowType = ${quoted(goldenImageWorkflowType)}`,
    ...(region === undefined ? [] : [`ImageRegion = ${quoted(region)}`]),
    ...(family === undefined ? [] : [`ImageFamily = ${quoted(family)}`]),
    ...(waiting ? [`BuildPhase = 'waiting'`, `ExecutionStatus = 'Running'`] : []),
  ].join(' AND ');
  const found: ReleaseSummary[] = [];
  for await (const info of client.workflow.list({ query, pageSize: Math.min(1000, limit) })) {
    const { workflowId, runId, typedSearchAttributes: attributes, closeTime } = info;
    const [, place = '', ...name] = workflowId.split('/');
    const status = statusOf(info.status.name);
    const phase = attributes.get(searchAttributes.BuildPhase) as BuildPhase | undefined;
    found.push({
      workflowId,
      runId,
      buildId: attributes.get(searchAttributes.BuildId) ?? releaseIdOf(runId),
      region: place,
      pipeline: name.join('/'),
      family: attributes.get(searchAttributes.ImageFamily),
      status,
      // A terminated workflow could not write its last phase any more.
      phase: status === 'running' ? (phase ?? 'checking') : status === 'terminated' ? 'failed' : (phase ?? 'failed'),
      imageId: attributes.get(searchAttributes.ImageId),
      startedAt: info.startTime.toISOString(),
      ...(closeTime ? { endedAt: closeTime.toISOString() } : {}),
    });
    if (found.length >= limit) break;
  }
  return found;
}

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
  const told = async () => manifestIn(run.memo?.[reportMemo]) ?? (await handle.query(releaseQuery));
  if (statusOf(run.status.name) === 'running') return told();
  try {
    return (await client.workflow.getHandle(workflowId, run.runId).result()) as Release;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    if (cause instanceof ApplicationFailure) {
      const release = manifestIn(cause.details?.[0]);
      if (release) return release;
      throw new ClientError(cause.message);
    }
    return told();
  }
}

const manifestIn = (report: unknown): Release | undefined => (report as { release?: Release } | undefined)?.release;
