import { type BuildProgress, type StepProgress, stepNames } from './progress';
import type { BuildFailure } from './result';
import { buildIdOf, buildWorkflowType } from './names';
import { deleteWorkflowType, deletionIdOf, deletionStepNames } from './images';
import { launchIdOf, launchStepNames, launchWorkflowType } from './launch';

/** What changes something in the cloud as a workflow of its own: it is followed and cancelled like a build. */
export type OperationKind = 'build' | 'launch' | 'delete';

/** Progress of a launch or a deletion: the same as of a build, but without a source instance. Answer of the query `progress`. */
export type OperationProgress<Name extends string = string> = Omit<BuildProgress, 'instanceId' | 'steps' | 'report'> & {
  kind: OperationKind;
  steps: StepProgress<Name>[];
  report?: BuildFailure<Name>;
};

/** The operations by workflow type: their steps in order, and the ID that their tags, results and messages have. */
export const operations: Record<
  string,
  { kind: OperationKind; steps: readonly string[]; idOf: (subject: string, firstExecutionRunId: string) => string }
> = {
  [buildWorkflowType]: { kind: 'build', steps: stepNames, idOf: buildIdOf },
  [launchWorkflowType]: { kind: 'launch', steps: launchStepNames, idOf: (_, run) => launchIdOf(run) },
  [deleteWorkflowType]: { kind: 'delete', steps: deletionStepNames, idOf: (_, run) => deletionIdOf(run) },
};
