import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import {
  buildIdOf,
  type BuildPhase,
  buildWorkflowType,
  type HeldInList,
  heldMemo,
  queueMemo,
  searchAttributes,
} from '../contract';
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
  /** What is held of it, while it is. */
  held?: HeldInList;
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
  /** The source. */
  instanceId?: string;
  /** Only what is held now. */
  held?: boolean;
  /** Also what ended more than a week ago. */
  all?: boolean;
  /** Default 20. */
  limit?: number;
}

const recentMs = 7 * 86_400_000;

/** Builds, the open ones first, then from the one that ended last. A build that was reset counts once. */
export async function listBuilds(client: Client, options: ListOptions = {}): Promise<BuildSummary[]> {
  return findBuilds(client, conditionsOf(options), options.limit ?? 20);
}

/** What a visibility query has to say for these options. */
export function conditionsOf({ region, family, instanceId, held = false, all = false }: ListOptions): string[] {
  const since = new Date(Date.now() - recentMs).toISOString();
  return [
    ...(region === undefined ? [] : [`ImageRegion = ${quoted(region)}`]),
    ...(family === undefined ? [] : [`ImageFamily = ${quoted(family)}`]),
    ...(instanceId === undefined ? [] : [`SourceInstanceId = ${quoted(instanceId)}`]),
    ...(held ? [`BuildPhase = 'held'`, `ExecutionStatus = 'Running'`] : []),
    ...(all ? [] : [`(ExecutionStatus = 'Running' OR CloseTime > ${quoted(since)})`]),
  ];
}

/** Builds that meet all conditions, in the order of visibility: open ones first, then by the time of their end. */
export const findBuilds = (client: Client, conditions: string[], limit: number): Promise<BuildSummary[]> =>
  findRuns(client, [buildWorkflowType], conditions, limit, buildSummary);

/** What there is of these workflow types that meets all conditions, in the order of visibility. What was reset counts once. */
export async function findRuns<Summary extends { buildId: string }>(
  client: Client,
  types: string[],
  conditions: string[],
  limit: number,
  summaryOf: (info: WorkflowExecutionInfo) => Summary,
): Promise<Summary[]> {
  const query = [`WorkflowType IN (${types.map(quoted).join(', ')})`, ...conditions].join(' AND ');
  const found = new Map<string, Summary>();
  for await (const info of client.workflow.list({ query, pageSize: Math.min(1000, limit + 10) })) {
    const summary = summaryOf(info);
    if (!found.has(summary.buildId)) found.set(summary.buildId, summary);
    if (found.size >= limit) break;
  }
  return [...found.values()];
}

/** A value in a visibility query. */
export const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** What is held of it, as long as it is held. */
export function heldOf(phase: BuildPhase, memo: WorkflowExecutionInfo['memo']): { held?: HeldInList } {
  const held = memo?.[heldMemo] as HeldInList | undefined;
  return phase === 'held' && held ? { held } : {};
}

/** A build, out of what visibility has of it. */
export function buildSummary(info: WorkflowExecutionInfo): BuildSummary {
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
    ...heldOf(phase, memo),
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
