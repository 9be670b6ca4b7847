import type { QueryDefinition } from '@temporalio/common';
import type { BuildFailure } from './result';

/** The steps of a build, in order. `keepResources` is the commit point, `restoreInstance` starts the source again. */
export const stepNames = [
  'inspectSource',
  'checkQuota',
  'shutdownInstance',
  'snapshotDisks',
  'createImage',
  'pollImage',
  'keepResources',
  'restoreInstance',
  'launchInstance',
] as const;
export type StepName = (typeof stepNames)[number];

export type StepState = 'pending' | 'running' | 'done' | 'failed' | 'cancelled' | 'skipped';

/** One step as the workflow knows it; what it waits for is in the heartbeat of its activity. */
export interface StepProgress<Name extends string = StepName> {
  step: Name;
  state: StepState;
  /** ISO 8601, UTC. */
  startedAt?: string;
  endedAt?: string;
  /** Which try it is, once it has been begun again; counts from 1. */
  generation?: number;
  /** IDs of the resources that the step made or works on. */
  resources: string[];
  /** One line for people: what came out, or why it failed. */
  note?: string;
}

/** One compensation, in the order in which they run. */
export interface UndoProgress {
  /** Activity that undoes, such as `undoCreateImage`. */
  name: string;
  state: 'running' | 'done' | 'failed';
  startedAt?: string;
  endedAt?: string;
  note?: string;
}

/** Where a build is as a whole; also the search attribute `BuildPhase`. */
export type BuildPhase =
  | 'checking'
  | 'queued'
  | 'shutting-down'
  | 'snapshotting'
  | 'imaging'
  | 'launching'
  | 'deleting'
  | 'building'
  | 'testing'
  | 'waiting'
  | 'promoting'
  | 'distributing'
  | 'retiring'
  | 'paused'
  | 'held'
  | 'undoing'
  | 'completed'
  | 'failed'
  | 'cancelled';

/** Why a build is held, and what a retry would do. */
export interface HeldProgress<Name extends string = StepName> {
  /** The step that failed; absent when it was the deadline of the whole build. */
  step?: Name | undefined;
  /** The cloud's own error code, or one of ours. */
  code: string;
  message: string;
  advice?: string | undefined;
  requestId?: string | undefined;
  /** ISO 8601, UTC. */
  since: string;
  /** When the build gives up and cleans up. */
  until: string;
  /** The step that a retry begins with. */
  retryFrom: Name;
  /** Whether a retry shuts the source down once more. */
  secondDownTime: boolean;
  /** Whether the image is usable already, so that image and snapshots stay whatever becomes of the build. */
  imageStays: boolean;
}

/**
 * Key of the memo field of what is held, for lists: see {@link HeldInList}. Absent while it is not held, and of what began to be
 * held before there was this field.
 */
export const heldMemo = 'held';

/** What a list says of something that is held. */
export type HeldInList<Name extends string = string> = Pick<HeldProgress<Name>, 'step' | 'code'>;

/** That a build is to be paused, or is. */
export interface PausedProgress {
  /** The step before which it stands, or will stand. */
  before: StepName;
  /** ISO 8601, UTC: since when it stands; absent while it is still on its way there. */
  since?: string;
  reason?: string | undefined;
}

/** That a build waits for room in the region's image quota. */
export interface QueuedProgress {
  /** Its place in the queue; counts from 1. */
  position: number;
  /** Custom images of the region and how many there may be, when it asked last. */
  images: { used: number; total: number };
  /** ISO 8601, UTC. */
  since: string;
  /** When it gives up. */
  until: string;
  /** Why none of its family's images may go for it (`retire-oldest`). */
  why?: string | undefined;
}

/** Answer of the query `progress`. */
export interface BuildProgress {
  buildId: string;
  region: string;
  instanceId: string;
  imageName: string;
  phase: BuildPhase;
  steps: StepProgress[];
  undo: UndoProgress[];
  imageId?: string;
  /** Why the build failed or is being undone. */
  failure?: string;
  /** Only while the build is held. */
  held?: HeldProgress;
  /** Only while the build is paused, or is to be. */
  paused?: PausedProgress;
  /** Only while the build waits for room. */
  queued?: QueuedProgress;
  /** ISO 8601, UTC: since when the source has been down because of this build; absent while it is up. */
  sourceDownSince?: string;
  /** Once a build has failed or was cancelled and all is undone: the whole story, also the first detail of its failure. */
  report?: BuildFailure;
}

/** What was waited for, and what the cloud said last, for the failure of what was not done in time. */
export const toldWait = ({ waitingFor, problem }: WaitProgress): string =>
  problem ? `${waitingFor}; the cloud's last answer: ${problem.message} (${problem.code})` : waitingFor;

/** What a waiting activity tells in its heartbeat details. */
export interface WaitProgress {
  /** What is waited for: `image img-1a2b3c4d: CREATING`. */
  waitingFor: string;
  /** 0 to 100, from the API or estimated; absent when nobody can tell. */
  percent?: number;
  /** True when `percent` is an estimate and not the API's own figure. */
  estimated?: boolean;
  /** The cloud's last refusal, while it is being retried. */
  problem?: { code: string; message: string; requestId?: string | undefined };
}

/**
 * Query: where the build is. Written out, because `defineQuery` lives in the workflow package, which a client has no
 * use for; its brands exist only as types.
 */
export const progressQuery = { type: 'query', name: 'progress' } as QueryDefinition<BuildProgress>;
