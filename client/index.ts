/** The typed client library: start builds, follow them, list them. Needs Temporal, no cloud credentials. */
export * from '../contract';
export { type ActivityView } from './pending-activity';
export { connect, type Connected, type ConnectOptions } from './connect';
export {
  BuildFailedError,
  BuildNotFoundError,
  ClientError,
  ConflictError,
  SpecError,
  UnreachableError,
} from './errors';
export { extendDeadline, pauseBuild, resumeBuild, retryBuild } from './control-build';
export { describeImage, ImageQuestionError, listImages } from './images';
export { findBuild } from './find-build';
export { type BuildRun, describeBuild, followBuild, type FollowOptions } from './follow-build';
export { type LaunchSummary, listLaunches } from './list-launches';
export { type BuildSummary, listBuilds, type ListOptions } from './list-builds';
export { type BuildOutcome, type BuildStatus, type OperationResult, outcomeOf } from './outcome';
export { startDeletion } from './start-deletion';
export { type Started, startLaunch } from './start-launch';
export { type BuildHandle, startBuild, type StartOptions } from './start-build';
export { type BuildView, type StepView, type UndoView } from './view';
export { type UiPlace, webUiUrl } from './web-ui';
