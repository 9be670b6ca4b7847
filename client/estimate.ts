import type { Client } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import type { BuildResult } from '../contract';
import { findBuilds, quoted } from './list-builds';
import type { StepView } from './view';

/** How long the last comparable builds waited for their image. */
export interface ImageHistory {
  /** Their median, in seconds. */
  seconds: number;
  builds: number;
}

/** So many say more than one, and cost little. */
const mostBuilds = 5;

/**
 * What the last completed builds tell about the time that an image takes: those of the same family, else of the same
 * instance. Undefined when there were none. Costs a list, or two, and one event of each build.
 */
export async function imageHistory(
  client: Client,
  { family, instanceId }: { family?: string | undefined; instanceId: string },
): Promise<ImageHistory | undefined> {
  const alike = [
    ...(family === undefined ? [] : [`ImageFamily = ${quoted(family)}`]),
    `SourceInstanceId = ${quoted(instanceId)}`,
  ];
  for (const condition of alike) {
    const builds = await findBuilds(client, ["ExecutionStatus = 'Completed'", condition], mostBuilds);
    const results = await Promise.all(builds.map(({ workflowId, runId }) => resultOf(client, workflowId, runId)));
    const seconds = results
      .map((result) => result?.steps.find(({ step }) => step === 'pollImage')?.seconds)
      .filter((one): one is number => one !== undefined && one > 0)
      .sort((a, b) => a - b);
    const median = seconds[Math.floor(seconds.length / 2)];
    if (median !== undefined) return { seconds: median, builds: seconds.length };
  }
  return undefined;
}

/** The result of a completed run, out of the last event of its history: nothing is waited for. */
async function resultOf(client: Client, workflowId: string, runId: string): Promise<BuildResult | undefined> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const payloads = history?.events?.[0]?.workflowExecutionCompletedEventAttributes?.result?.payloads;
  const [result] = await decodeArrayFromPayloads(client.options.loadedDataConverter, payloads);
  return result as BuildResult | undefined;
}

/** Whether a step waits for an image of which the cloud does not say how far it is. */
export function wantsEstimate({ step, state, startedAt, activity }: StepView): boolean {
  const wait = activity?.wait;
  return (
    step === 'pollImage' &&
    state === 'running' &&
    startedAt !== undefined &&
    wait !== undefined &&
    wait.percent === undefined &&
    wait.waitingFor.includes('CREATING')
  );
}

/**
 * Puts an estimate where the cloud gives no percentage. It stops at 99: only the cloud can say that an image is done.
 *
 * @param now milliseconds since 1970
 */
export function estimate(step: StepView, history: ImageHistory, now: number): void {
  const wait = step.activity?.wait;
  if (!wait || step.startedAt === undefined) return;
  const elapsed = Math.max(0, now - Date.parse(step.startedAt)) / 1000;
  wait.percent = Math.min(99, Math.floor((elapsed / history.seconds) * 100));
  wait.estimated = true;
  wait.estimatedFrom = history.builds;
}
