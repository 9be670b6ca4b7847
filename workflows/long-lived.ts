import { setWorkflowOptions, type Workflow, workflowInfo } from '@temporalio/workflow';

/** Says of a workflow that it outlives what it is for: with Worker Versioning it goes over to the current version by itself. */
export const longLived = (workflow: Workflow): void =>
  setWorkflowOptions(
    // The server refuses it of a worker that has no version.
    () => (workflowInfo().currentDeploymentVersion?.deploymentName ? { versioningBehavior: 'AUTO_UPGRADE' } : {}),
    workflow,
  );
