import type { Client } from '@temporalio/client';
import { type BuildPhase, launchIdOf, launchWorkflowType, searchAttributes } from '../contract';
import { quoted } from './list-builds';
import { imageNameMemo } from './memo';
import { type BuildStatus, partsOf } from './outcome';
import { statusOf } from './watch';

/** One launch as Temporal's visibility has it; no worker is asked. */
export interface LaunchSummary {
  workflowId: string;
  runId: string;
  /** The launch ID. */
  buildId: string;
  region: string;
  status: BuildStatus;
  phase: BuildPhase;
  /** The image as it was asked for: an ID, a name, or `family:NAME`. */
  image?: string;
  imageId?: string;
  /** ISO 8601, UTC. */
  startedAt: string;
  endedAt?: string;
}

const recentMs = 7 * 86_400_000;

/** Launches, the open ones first, then from the one that ended last. */
export async function listLaunches(
  client: Client,
  options: { region?: string; all?: boolean; limit?: number } = {},
): Promise<LaunchSummary[]> {
  const { region, all = false, limit = 20 } = options;
  const since = new Date(Date.now() - recentMs).toISOString();
  const query = [
    `WorkflowType = ${quoted(launchWorkflowType)}`,
    ...(region === undefined ? [] : [`ImageRegion = ${quoted(region)}`]),
    ...(all ? [] : [`(ExecutionStatus = 'Running' OR CloseTime > ${quoted(since)})`]),
  ].join(' AND ');
  const found: LaunchSummary[] = [];
  for await (const info of client.workflow.list({ query, pageSize: Math.min(1000, limit) })) {
    const { workflowId, runId, typedSearchAttributes: attributes, memo, startTime, closeTime } = info;
    const status = statusOf(info.status.name);
    const image = memo?.[imageNameMemo];
    const imageId = attributes.get(searchAttributes.ImageId);
    const phase = attributes.get(searchAttributes.BuildPhase) as BuildPhase | undefined;
    found.push({
      workflowId,
      runId,
      buildId: attributes.get(searchAttributes.BuildId) ?? launchIdOf(runId),
      region: partsOf(workflowId).region,
      status,
      phase:
        status === 'running'
          ? (phase ?? 'checking')
          : status === 'completed' || status === 'cancelled'
            ? status
            : 'failed',
      ...(typeof image === 'string' ? { image } : {}),
      ...(imageId === undefined ? {} : { imageId }),
      startedAt: startTime.toISOString(),
      ...(closeTime ? { endedAt: closeTime.toISOString() } : {}),
    });
    if (found.length >= limit) break;
  }
  return found;
}
