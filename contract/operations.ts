import { type BuildProgress, type HeldProgress, type StepProgress, stepNames } from './progress';
import type { BuildFailure } from './result';
import { buildIdOf, buildWorkflowType } from './names';
import { deleteWorkflowType, deletionIdOf, deletionStepNames } from './images';
import { launchIdOf, launchStepNames, launchWorkflowType } from './launch';
import { goldenImageWorkflowType, releaseIdOf, releaseStageNames, type WaitingProgress } from './release';

/** What changes something in the cloud as a workflow of its own: it is followed and cancelled like a build. */
export type OperationKind = 'build' | 'launch' | 'delete' | 'release';

/**
 * Progress of a launch, a deletion or a release: the same as of a build, but without a source instance. Answer of the query
 * `progress`.
 */
export type OperationProgress<Name extends string = string> = Omit<
  BuildProgress,
  'instanceId' | 'steps' | 'report' | 'held'
> & {
  kind: OperationKind;
  steps: StepProgress<Name>[];
  report?: BuildFailure<Name>;
  /** Only while it is held. */
  held?: HeldProgress<Name>;
  /** Only while a release waits for somebody's approval. */
  waiting?: WaitingProgress;
};

/** The operations by workflow type: their steps in order, and the ID that their tags, results and messages have. */
export const operations: Record<
  string,
  { kind: OperationKind; steps: readonly string[]; idOf: (subject: string, firstExecutionRunId: string) => string }
> = {
  [buildWorkflowType]: { kind: 'build', steps: stepNames, idOf: buildIdOf },
  [launchWorkflowType]: { kind: 'launch', steps: launchStepNames, idOf: (_, run) => launchIdOf(run) },
  [goldenImageWorkflowType]: { kind: 'release', steps: releaseStageNames, idOf: (_, run) => releaseIdOf(run) },
  [deleteWorkflowType]: { kind: 'delete', steps: deletionStepNames, idOf: (_, run) => deletionIdOf(run) },
};
