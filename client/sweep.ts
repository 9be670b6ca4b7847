import { type Client, ScheduleOverlapPolicy } from '@temporalio/client';
import {
  checkSweep,
  defaultTaskQueue,
  formatProblems,
  formatSeconds,
  searchAttributes,
  type SweepInput,
  type SweepReport,
  type SweepSpec,
  sweepWorkflowId,
  sweepWorkflowType,
} from '../contract';
import { ask } from './images';
import { ConflictError, SpecError } from './errors';
import { putSchedule, removeSchedule } from './put-schedule';
import { specOf } from './spec-of';
import { explainStart, type StartOptions } from './start-build';

const queueOf = ({ taskQueue = process.env.CVM_IMAGE_TASK_QUEUE ?? defaultTaskQueue }: StartOptions) => taskQueue;

/** @throws {SpecError} */
function checked(input: SweepInput): SweepSpec {
  const check = checkSweep(input);
  if (!check.ok) throw new SpecError(check.problems, formatProblems(check.problems));
  return check.spec;
}

/**
 * What a sweep of a region would do. Changes nothing.
 *
 * @throws {SpecError} when the input is wrong
 * @throws {ImageQuestionError} when the cloud refuses
 * @throws {NoWorkerError} when no worker answers
 */
export async function lookForLeftovers(
  client: Client,
  input: Omit<SweepInput, 'apply'>,
  options: StartOptions = {},
): Promise<SweepReport> {
  const spec = checked({ ...input, apply: false });
  const about = `What a sweep of ${spec.region} would do`;
  const answer = await ask(client, sweepWorkflowType, sweepWorkflowId(spec.region), spec, about, options);
  return answer as SweepReport;
}

/** A sweep that was started, or was running already. */
export interface StartedSweep {
  workflowId: string;
  runId: string;
  taskQueue: string;
}

/**
 * Starts a sweep that acts. One that is running in the region is joined, if it was asked for the same.
 *
 * @throws {SpecError} when the input is wrong
 * @throws {ConflictError} when a sweep of the region with another grace period or role is running; nothing was started
 */
export async function startSweep(
  client: Client,
  input: Omit<SweepInput, 'apply'>,
  options: StartOptions = {},
): Promise<StartedSweep> {
  const spec = checked({ ...input, apply: true });
  const taskQueue = queueOf(options);
  const workflowId = sweepWorkflowId(spec.region);
  const { firstExecutionRunId: runId } = await client.workflow
    .start(sweepWorkflowType, {
      workflowId,
      taskQueue,
      args: [spec],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      ...shown(spec),
    })
    .catch(explainStart);
  const asked = checkSweep(await specOf(client, workflowId, runId));
  if (!asked.ok || differ(asked.spec, spec)) throw busy(spec, workflowId, runId, asked.ok ? asked.spec : undefined);
  return { workflowId, runId, taskQueue };
}

const differ = (a: SweepSpec, b: SweepSpec) => a.grace !== b.grace || a.roleArn !== b.roleArn || a.apply !== b.apply;

function busy({ region }: SweepSpec, workflowId: string, runId: string, other: SweepSpec | undefined): ConflictError {
  const role = other?.roleArn === undefined ? '' : `, role ${other.roleArn}`;
  const itsOwn = other ? ` (grace ${formatSeconds(other.grace)}${role})` : '';
  const message = [
    `Another sweep of ${region} is running${itsOwn}: ${workflowId}. Nothing was started.`,
    'Sweep again once it is over, or ask for the same to join it.',
  ].join('\n');
  return new ConflictError(message, { workflowId, runId });
}

const shown = (spec: SweepSpec) => ({
  typedSearchAttributes: [{ key: searchAttributes.ImageRegion, value: spec.region }],
  staticSummary: `Sweep of ${spec.region}`,
  staticDetails:
    `Starts source instances in ${spec.region} whose build did not live to start them, and deletes what builds left ` +
    `that have been over for ${formatSeconds(spec.grace)}.`,
});

/**
 * Sets up the Temporal Schedule that sweeps a region, or changes the one that is there. A sweep that is still running is not
 * met by another.
 *
 * @param everySeconds from the start of one sweep to the start of the next
 * @throws {SpecError} when the input is wrong
 */
export async function scheduleSweep(
  client: Client,
  input: Omit<SweepInput, 'apply'>,
  everySeconds: number,
  options: StartOptions = {},
): Promise<{ scheduleId: string; changed: boolean; nextAt: string | undefined }> {
  const spec = checked({ ...input, apply: true });
  const scheduleId = sweepWorkflowId(spec.region);
  const definition = {
    spec: { intervals: [{ every: everySeconds * 1000 }] },
    action: {
      type: 'startWorkflow' as const,
      workflowType: sweepWorkflowType,
      workflowId: scheduleId,
      taskQueue: queueOf(options),
      args: [spec],
      ...shown(spec),
    },
    // What was missed while Temporal was away is made good by the next one.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' as const },
  };
  const changed = (await putSchedule(client, scheduleId, definition)) === 'updated';
  const { info } = await client.schedule.getHandle(scheduleId).describe();
  return { scheduleId, changed, nextAt: info.nextActionTimes[0]?.toISOString() };
}

/** Removes the Schedule of a region; a sweep that is running goes on. Answers false when there was none. */
export const unscheduleSweep = async (client: Client, region: string): Promise<boolean> =>
  removeSchedule(client, sweepWorkflowId(checked({ region }).region));
