import {
  type BuildPhase,
  type BuildProgress,
  type HeldProgress,
  type OperationKind,
  type OperationProgress,
  operations,
  type PausedProgress,
  type QueuedProgress,
  type StepProgress,
  type UndoProgress,
  type WaitingProgress,
} from '../contract';
import type { BuildOutcome, BuildStatus } from './outcome';
import type { ActivityView } from './pending-activity';

export type StepView = StepProgress<string> & { activity?: ActivityView };
export type UndoView = UndoProgress & { activity?: ActivityView };

/** Everything that can be said of a build at one moment: the workflow's own progress and what the server knows. */
export interface BuildView {
  /** Only of a launch, a deletion or a release, which is shown like a build. */
  kind?: 'launch' | 'delete' | 'release';
  workflowId: string;
  runId: string;
  buildId: string;
  region: string;
  /** The source instance; empty for a launch or a deletion. */
  instanceId: string;
  /** As the spec has it until a worker has filled in its placeholders; absent when a build was started by other means. */
  imageName?: string;
  imageId?: string;
  status: BuildStatus;
  phase: BuildPhase;
  /** ISO 8601, UTC. */
  startedAt: string;
  endedAt?: string;
  steps: StepView[];
  undo: UndoView[];
  /** Why the build failed or is being undone. */
  failure?: string;
  /** Only while it is held: why, until when, and what a retry would do. */
  held?: HeldProgress<string>;
  /** Only of a release, and only while it waits for an approval. */
  waiting?: WaitingProgress;
  /** Only while it is paused, or is to be. */
  paused?: PausedProgress;
  /** Only while it waits for image quota. */
  queued?: QueuedProgress;
  /** ISO 8601, UTC: since when the source has been down because of this build; absent while it is up. */
  sourceDownSince?: string;
  /** What hinders the build or our sight of it: no worker, connection lost. */
  notes: string[];
  /** How it ended; absent while it runs. */
  outcome?: BuildOutcome;
}

/** What is known of a build without asking a worker. */
export type KnownBuild = Pick<
  BuildView,
  'kind' | 'workflowId' | 'runId' | 'buildId' | 'region' | 'instanceId' | 'startedAt'
> & {
  status: BuildStatus;
  phase?: BuildPhase | undefined;
  imageId?: string | undefined;
  imageName?: string | undefined;
  endedAt?: string | undefined;
};

/** Puts together what the query, the server and the outcome say. */
export function composeView(
  known: KnownBuild,
  progress: BuildProgress | OperationProgress | undefined,
  activities: ActivityView[],
  notes: string[],
  outcome?: BuildOutcome,
): BuildView {
  const { phase, imageId, imageName, endedAt, ...rest } = known;
  const view: BuildView = {
    ...rest,
    phase: progress?.phase ?? phase ?? 'checking',
    steps: structuredClone<StepView[] | undefined>(progress?.steps) ?? pendingSteps(known.kind ?? 'build'),
    undo: structuredClone(progress?.undo) ?? [],
    notes,
  };
  const name = progress?.imageName ?? imageName;
  if (name !== undefined) view.imageName = name;
  const image = progress?.imageId ?? imageId;
  if (image !== undefined) view.imageId = image;
  if (endedAt !== undefined) view.endedAt = endedAt;
  if (progress?.failure !== undefined) view.failure = progress.failure;
  // What a build that is over was held or paused for no longer matters.
  if (progress && !outcome) {
    const { held, paused, queued, sourceDownSince } = progress;
    if (held) view.held = held;
    if (paused) view.paused = paused;
    if (queued) view.queued = queued;
    if (sourceDownSince !== undefined) view.sourceDownSince = sourceDownSince;
    if ('waiting' in progress) view.waiting = progress.waiting;
  }
  for (const activity of activities) attach(view, activity);
  if (outcome) conclude(view, outcome);
  return view;
}

/** Until a worker has told of any. */
function pendingSteps(kind: OperationKind): StepView[] {
  const { steps } = Object.values(operations).find((one) => one.kind === kind)!;
  return steps.map((step) => ({ step, state: 'pending', resources: [] }));
}

/** Shows an open activity at the line that it belongs to. */
function attach(view: BuildView, activity: ActivityView): void {
  // restoreInstance and keepResources are steps as well as parts of undoing; what undoes is listed only when it runs.
  const undo = view.undo.find(({ name, state }) => name === activity.name && state === 'running');
  const step = view.steps.find((one) => one.step === activity.name && one.state !== 'done');
  const line = undo ?? step ?? view.steps.find(({ state }) => state === 'running');
  if (!line) return;
  line.activity = activity;
  // Ahead of the worker, or without one: an open activity is the proof that its step has begun.
  if (line.state === 'pending') line.state = 'running';
}

/** Makes the lines agree with the end, also when no worker could be asked about the steps. */
function conclude(view: BuildView, outcome: BuildOutcome): void {
  view.outcome = outcome;
  if (outcome.status === 'completed') {
    const { result } = outcome;
    view.phase = 'completed';
    const image = 'images' in result ? result.images[0] : result.image;
    if (image) {
      view.imageId = image.imageId;
      view.imageName = image.name;
    }
    const ended: { step: string }[] = 'stages' in result ? result.stages : result.steps;
    const done = new Set(ended.map(({ step }) => step));
    for (const step of view.steps) step.state = done.has(step.step) ? 'done' : 'skipped';
    return;
  }
  view.phase = outcome.status === 'cancelled' ? 'cancelled' : 'failed';
  view.failure ??= outcome.failure.message;
  const failed: string | undefined = outcome.failure.step;
  for (const step of view.steps) {
    if (step.step === failed) step.state = 'failed';
    else if (step.state === 'running') step.state = 'cancelled';
    delete step.activity;
  }
}

/** Seconds that a step took, or has taken until now; undefined before it begins. */
export function secondsOf(
  line: Pick<StepProgress<string>, 'startedAt' | 'endedAt'>,
  now: number,
  running = true,
): number | undefined {
  if (line.startedAt === undefined) return undefined;
  if (line.endedAt === undefined && !running) return undefined;
  return Math.max(
    0,
    ((line.endedAt === undefined ? now : Date.parse(line.endedAt)) - Date.parse(line.startedAt)) / 1000,
  );
}
