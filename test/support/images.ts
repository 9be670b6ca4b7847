import type { WorkflowHandleWithFirstExecutionRunId as Started } from '@temporalio/client';
import { randomBytes } from 'node:crypto';
import {
  type BuildResult,
  type BuildSpecInput,
  type DeletionResult,
  type DeletionSpecInput,
  deleteWorkflowId,
  deleteWorkflowType,
  type LaunchResult,
  type LaunchSpecInput,
  launchWorkflowId,
  launchWorkflowType,
  tagKeys,
} from '../../contract';
import type { BuildStack } from './build-stack';

export const region = 'ap-guangzhou';

/** Builds an image of an instance of its own, to have one to launch from or to delete. */
export async function buildOne(
  stack: BuildStack,
  spec: Partial<BuildSpecInput> = {},
  form: Record<string, unknown> = {},
): Promise<BuildResult> {
  const instanceId = await stack.instance({ region, dataDisks: 2, ...form });
  const handle = await stack.start({ region, instanceId, image: { name: `image-${instanceId}` }, ...spec });
  return handle.result();
}

export function startLaunch(
  stack: BuildStack,
  spec: Omit<LaunchSpecInput, 'region' | 'launch'> & { launch?: Partial<LaunchSpecInput['launch']> },
): Promise<Started<(spec: LaunchSpecInput) => Promise<LaunchResult>>> {
  const full: LaunchSpecInput = { region, ...spec, launch: { zone: 'ap-guangzhou-3', ...spec.launch } };
  return stack.client.workflow.start<(spec: LaunchSpecInput) => Promise<LaunchResult>>(launchWorkflowType, {
    workflowId: launchWorkflowId(region, randomBytes(4).toString('hex')),
    taskQueue: stack.taskQueue,
    args: [full],
  });
}

export function startDeletion(
  stack: BuildStack,
  spec: Omit<DeletionSpecInput, 'region'>,
): Promise<Started<(spec: DeletionSpecInput) => Promise<DeletionResult>>> {
  return stack.client.workflow.start<(spec: DeletionSpecInput) => Promise<DeletionResult>>(deleteWorkflowType, {
    workflowId: deleteWorkflowId(region, spec.imageId),
    taskQueue: stack.taskQueue,
    args: [{ region, ...spec }],
  });
}

/** What is left in the cloud of one launch, by its tag. */
export async function resourcesOfLaunch({ cloud }: BuildStack, launchId: string) {
  const { instances, disks } = await cloud.state(region);
  const ours = (one: { tags: Record<string, string> }) => one.tags[tagKeys.build] === `test/${launchId}`;
  return { instances: instances.filter(ours), disks: disks.filter(ours) };
}
