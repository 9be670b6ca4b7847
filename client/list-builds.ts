import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { buildIdOf, type BuildPhase, buildWorkflowType, queueMemo, searchAttributes } from '../contract';
import { type BuildStatus, partsOf } from './outcome';
import { imageNameMemo } from './memo';
import { statusOf } from './watch';

/** One build as Temporal's visibility has it; no worker is asked. */
export interface BuildSummary {
  workflowId: string;
  runId: string;
  buildId: string;
  region: string;
  instanceId: string;
  status: BuildStatus;
  phase: BuildPhase;
  /** Its place in the queue for image quota, while it waits for that. */
  queue?: { position: number };
  /** The image's name as the spec has it, its placeholders not filled in. */
  imageName?: string;
  imageId?: string;
  family?: string;
  /** ISO 8601, UTC. */
  startedAt: string;
  endedAt?: string;
}

export interface ListOptions {
  region?: string;
  family?: string;
  instanceId?: string;
  /** Only builds that are held now. */
  held?: boolean;
  /** Also builds that ended more than a week ago. */
  all?: boolean;
  /** Default 20. */
  limit?: number;
}

const recentMs = 7 * 86_400_000;

/** Builds, the open ones first, then from the one that ended last. A build that was reset counts once. */
export async function listBuilds(client: Client, options: ListOptions = {}): Promise<BuildSummary[]> {
  const { region, family, instanceId, held = false, all = false, limit = 20 } = options;
  const since = new Date(Date.now() - recentMs).toISOString();
  const conditions = [
    ...(region === undefined ? [] : [`ImageRegion = ${quoted(region)}`]),
    ...(family === undefined ? [] : [`ImageFamily = ${quoted(family)}`]),
    ...(instanceId === undefined ? [] : [`SourceInstanceId = ${quoted(instanceId)}`]),
    ...(held ? [`BuildPhase = 'held'`, `ExecutionStatus = 'Running'`] : []),
    ...(all ? [] : [`(ExecutionStatus = 'Running' OR CloseTime > ${quoted(since)})`]),
  ];
  return findBuilds(client, conditions, limit);
}

/** Builds that meet all conditions, in the order of visibility: open ones first, then by the time of their end. */
export async function findBuilds(client: Client, conditions: string[], limit: number): Promise<BuildSummary[]> {
  const query = [`WorkflowType = ${quoted(buildWorkflowType)}`, ...conditions].join(' AND ');
  const found = new Map<string, BuildSummary>();
  for await (const info of client.workflow.list({ query, pageSize: Math.min(1000, limit + 10) })) {
    const summary = summaryOf(info);
    if (!found.has(summary.buildId)) found.set(summary.buildId, summary);
    if (found.size >= limit) break;
  }
  return [...found.values()];
}

/** A value in a visibility query. */
export const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function summaryOf(info: WorkflowExecutionInfo): BuildSummary {
  const { workflowId, runId, typedSearchAttributes: attributes, memo, closeTime } = info;
  const parts = partsOf(workflowId);
  const queue = memo?.[queueMemo] as BuildSummary['queue'] | undefined;
  const status = statusOf(info.status.name);
  const phase = phaseOf(status, attributes.get(searchAttributes.BuildPhase) as BuildPhase | undefined);
  const imageName = memo?.[imageNameMemo];
  const imageId = attributes.get(searchAttributes.ImageId);
  const family = attributes.get(searchAttributes.ImageFamily);
  return {
    workflowId,
    runId,
    // A build that no worker has seen yet has no such attribute, and cannot have been reset either.
    buildId: attributes.get(searchAttributes.BuildId) ?? buildIdOf(parts.instanceId, runId),
    ...parts,
    status,
    phase,
    ...(phase === 'queued' && queue ? { queue } : {}),
    ...(typeof imageName === 'string' ? { imageName } : {}),
    ...(imageId === undefined ? {} : { imageId }),
    ...(family === undefined ? {} : { family }),
    startedAt: info.startTime.toISOString(),
    ...(closeTime ? { endedAt: closeTime.toISOString() } : {}),
  };
}

/** A terminated workflow could not write its last phase any more. */
function phaseOf(status: BuildStatus, phase: BuildPhase | undefined): BuildPhase {
  if (status === 'running') return phase ?? 'checking';
  if (status === 'completed' || status === 'cancelled') return status;
  return 'failed';
}
