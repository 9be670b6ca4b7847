import { type Client } from '@temporalio/client';
import {
  checkDeletionSpec,
  defaultTaskQueue,
  deleteWorkflowId,
  deleteWorkflowType,
  deletionIdOf,
  type DeletionSpecInput,
  formatProblems,
  searchAttributes,
} from '../contract';
import { describeRun } from './describe-run';
import { SpecError } from './errors';
import { imageNameMemo } from './memo';
import { buildIdOfRun } from './outcome';
import { explainStart, type StartOptions } from './start-build';
import type { Started } from './start-launch';
import { statusOf } from './watch';

/**
 * Starts the deletion of an image with its snapshots; one of the same image that is running is joined.
 *
 * @param about the image's name, and how many snapshots go with it
 * @throws {SpecError} when the input is wrong; nothing was started
 */
export async function startDeletion(
  client: Client,
  input: DeletionSpecInput,
  about: { name: string },
  { taskQueue = process.env.CVM_IMAGE_TASK_QUEUE ?? defaultTaskQueue }: StartOptions = {},
): Promise<Started> {
  const check = checkDeletionSpec(input);
  if (!check.ok) throw new SpecError(check.problems, formatProblems(check.problems));
  const { region, imageId, snapshotIds = [] } = check.spec;
  const workflowId = deleteWorkflowId(region, imageId);
  const { firstExecutionRunId: runId } = await client.workflow
    .start(deleteWorkflowType, {
      workflowId,
      taskQueue,
      args: [check.spec],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      memo: { [imageNameMemo]: about.name },
      typedSearchAttributes: [
        { key: searchAttributes.ImageRegion, value: region },
        { key: searchAttributes.ImageId, value: imageId },
      ],
      staticSummary: `Deletion of ${imageId} with ${snapshotIds.length} snapshots`,
      staticDetails: `Deletes the image **${about.name.replaceAll('*', '')}** (\`${imageId}\`) in ${region}, then its snapshots.`,
    })
    .catch(explainStart);
  return { workflowId, runId, buildId: deletionIdOf(runId), taskQueue };
}

/** The deletion of an image that is running, or has removed it; undefined when Temporal knows of none. */
export async function deletionOf(client: Client, region: string, imageId: string): Promise<Started | undefined> {
  const workflowId = deleteWorkflowId(region, imageId);
  const run = await describeRun(client, workflowId);
  if (!run || !['running', 'completed'].includes(statusOf(run.status.name))) return undefined;
  return { workflowId, runId: run.runId, buildId: buildIdOfRun(run), taskQueue: run.taskQueue };
}
