import { randomBytes } from 'node:crypto';
import type { Client } from '@temporalio/client';
import {
  checkLaunchSpec,
  defaultTaskQueue,
  formatProblems,
  launchIdOf,
  type LaunchSpec,
  type LaunchSpecInput,
  launchWorkflowId,
  launchWorkflowType,
  searchAttributes,
} from '../contract';
import { SpecError } from './errors';
import { imageNameMemo } from './memo';
import { explainStart, type StartOptions } from './start-build';

/** A launch or a deletion that was started. */
export interface Started {
  workflowId: string;
  runId: string;
  /** Its own ID, such as `launch-0123456789ab`. */
  buildId: string;
  taskQueue: string;
}

/**
 * Starts the launch of an instance from an image. Every call launches one.
 *
 * @throws {SpecError} with every problem of the spec; nothing was started
 */
export async function startLaunch(
  client: Client,
  input: LaunchSpecInput,
  { taskQueue = process.env.CVM_IMAGE_TASK_QUEUE ?? defaultTaskQueue }: StartOptions = {},
): Promise<Started> {
  const check = checkLaunchSpec(input);
  if (!check.ok) throw new SpecError(check.problems, formatProblems(check.problems));
  const { spec } = check;
  const workflowId = launchWorkflowId(spec.region, randomBytes(4).toString('hex'));
  const { firstExecutionRunId: runId } = await client.workflow
    .start(launchWorkflowType, {
      workflowId,
      taskQueue,
      args: [spec],
      memo: { [imageNameMemo]: spec.image },
      typedSearchAttributes: [{ key: searchAttributes.ImageRegion, value: spec.region }],
      staticSummary: summaryOf(spec),
      staticDetails: detailsOf(spec),
    })
    .catch(explainStart);
  return { workflowId, runId, buildId: launchIdOf(runId), taskQueue };
}

/** At most 200 bytes, which is what Temporal takes; a name of 60 CJK characters is 180. */
function summaryOf({ image, launch }: LaunchSpec): string {
  const where = ` in ${launch.zone}`;
  let name = image;
  while (Buffer.byteLength(`Launch of ${name}${where}`) > 200) name = name.slice(0, -1);
  return `Launch of ${name}${where}`;
}

function detailsOf({ image, build, launch }: LaunchSpec): string {
  const { zone, instanceType, name } = launch;
  return [
    `Launches an instance from the image **${image.replaceAll('*', '')}** in ${zone}.`,
    '',
    `- instance type: ${instanceType ?? 'that of the source instance'}`,
    ...(name === undefined ? [] : [`- name: ${name}`]),
    `- data disks: ${build === undefined ? 'none but those in the image' : `from the snapshots of build ${build}`}`,
  ].join('\n');
}
