/** The typed client library: start builds, follow them, list them. Needs Temporal, no cloud credentials. */
export * from '../contract';
export { type ActivityView } from './pending-activity';
export { NoWorkerError } from './ask-worker';
export { connect, type Connected, type ConnectOptions } from './connect';
export { type DoctorCheck, type DoctorOptions, examine } from './doctor';
export { type DownTime } from './down-time';
export {
  BuildFailedError,
  BuildNotFoundError,
  ClientError,
  ConflictError,
  SpecError,
  UnreachableError,
} from './errors';
export { extendDeadline, extendRelease, pauseBuild, resumeBuild, retryBuild } from './control-build';
export { describeImage, ImageQuestionError, listImages } from './images';
export { findBuild } from './find-build';
export { type BuildRun, describeBuild, followBuild, type FollowOptions } from './follow-build';
export { type LaunchSummary, listLaunches } from './list-launches';
export { type BuildSummary, listBuilds, type ListOptions } from './list-builds';
export { type BuildOutcome, type BuildStatus, type OperationResult, outcomeOf } from './outcome';
export { startDeletion } from './start-deletion';
export { type Started, startLaunch } from './start-launch';
export { planBuild, type PlannedBuild } from './plan-build';
export { type RunningBuild } from './running-build';
export { type BuildHandle, startBuild, type StartOptions } from './start-build';
export { lookForLeftovers, scheduleSweep, type StartedSweep, startSweep, unscheduleSweep } from './sweep';
export { type BuildView, type StepView, type UndoView } from './view';
export { type UiPlace, webUiUrl } from './web-ui';
export { currentImage, listFamily, retireFamily, rollBack } from './families';
export {
  approveRelease,
  type EndedRelease,
  listBuildsAndReleases,
  listReleases,
  outcomesOf,
  rejectRelease,
  releaseOf,
  type ReleaseSummary,
} from './releases';
export { startRelease } from './start-release';
export { type Blocking, type LastRun, listSchedules, scheduleState, type ScheduleState } from './list-schedules';
export {
  type Applied,
  applyPipeline,
  backfillSchedule,
  createPipelineSchedule,
  deleteSchedule,
  diffPipeline,
  pauseSchedule,
  type PipelineSchedule,
  resumeSchedule,
  triggerSchedule,
  updatePipelineSchedule,
  wantedSchedule,
} from './schedules';
