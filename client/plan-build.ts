import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import {
  type BuildPlan,
  type BuildSpecInput,
  checkSpec,
  defaultTaskQueue,
  formatProblems,
  planWorkflowId,
  planWorkflowType,
} from '../contract';
import { askWorker } from './ask-worker';
import { type DownTime, downTimes } from './down-time';
import { SpecError } from './errors';
import { type RunningBuild, runningBuild } from './running-build';
import { attributesOf, detailsOf, explainStart, type StartOptions, summaryOf } from './start-build';

/** What a build would do, whether it would be refused, and how long its source would be down. */
export interface PlannedBuild {
  /** The build that holds the instance's lock. */
  running?: RunningBuild;
  /** Absent when a build with the same spec is running: it would be joined, and has been checked already. */
  plan?: BuildPlan;
  /** The workflow that made the plan. */
  workflowId?: string;
  runId?: string;
  /** One a method; absent when the source could not be inspected. */
  downTime?: DownTime[];
}

/** A plan has three looks of a minute at most. */
const limitSeconds = 240;

/**
 * Says what {@link startBuild} with this spec would come to. Nothing is changed, neither in the cloud nor in Temporal, where
 * only the plan's own workflow appears.
 *
 * @throws {SpecError} with every problem of the spec
 * @throws {NoWorkerError} within seconds, when no worker takes the plan up
 */
export async function planBuild(
  client: Client,
  specInput: BuildSpecInput,
  { taskQueue = process.env.CVM_IMAGE_TASK_QUEUE ?? defaultTaskQueue }: StartOptions = {},
): Promise<PlannedBuild> {
  const check = checkSpec(specInput);
  if (!check.ok) throw new SpecError(check.problems, formatProblems(check.problems));
  const { spec } = check;
  const running = await runningBuild(client, spec);
  if (running?.sameSpec) return { running };
  const { workflowId, runId, result } = await askWorker(
    client,
    planWorkflowType,
    {
      workflowId: planWorkflowId(spec.region, spec.instanceId, randomUUID().slice(0, 8)),
      taskQueue,
      args: [spec],
      typedSearchAttributes: attributesOf(spec),
      staticSummary: summaryOf(spec, 'Plan of image'),
      staticDetails: `What a build would do; it changes nothing.\n\n${detailsOf(spec)}`,
    },
    limitSeconds,
  ).catch(explainStart);
  const plan = result as BuildPlan;
  const downTime = plan.source && (await downTimes(client, spec, plan.source));
  return { ...(running ? { running } : {}), plan, workflowId, runId, ...(downTime ? { downTime } : {}) };
}
