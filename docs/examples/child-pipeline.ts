/**
 * A workflow of one's own that has a pipeline make its next release, as a child. It runs on a worker of one's own; the child runs
 * on the workers of this project. Outside of this repository: from 'cvm-image-builder/contract'.
 */
import { ChildWorkflowCancellationType, executeChild, ParentClosePolicy, workflowInfo } from '@temporalio/workflow';
import {
  defaultTaskQueue,
  goldenImageWorkflowId,
  goldenImageWorkflowType,
  type PipelineInput,
  type Release,
  type ReleaseRequest,
} from '../../contract';

/**
 * Makes the next image of a family; answers its ID, or nothing where nothing has changed (skipUnchanged).
 *
 * @param taskQueue of the workers of this project
 */
export async function refreshImage(
  pipeline: PipelineInput,
  taskQueue: string = defaultTaskQueue,
): Promise<string | undefined> {
  const { region, family, name = family } = pipeline;
  const release = await executeChild<(pipeline: PipelineInput, request: ReleaseRequest) => Promise<Release>>(
    goldenImageWorkflowType,
    {
      // The lock of the pipeline: under another ID the run is refused, and while one is at work no other starts.
      workflowId: goldenImageWorkflowId(region, name),
      taskQueue,
      args: [pipeline, { by: workflowInfo().workflowId }],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      // Whatever becomes of this workflow, the run is never terminated: cancelled, it takes back what it made.
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      staticSummary: `Next image of family ${family} (${region})`,
    },
  );
  return release.images[0]?.imageId;
}
