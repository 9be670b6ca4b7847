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
export interface StepProgress {
  step: StepName;
  state: StepState;
  /** ISO 8601, UTC. */
  startedAt?: string;
  endedAt?: string;
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
  | 'shutting-down'
  | 'snapshotting'
  | 'imaging'
  | 'launching'
  | 'undoing'
  | 'completed'
  | 'failed'
  | 'cancelled';

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
  /** Once a build has failed or was cancelled and all is undone: the whole story, also the first detail of its failure. */
  report?: BuildFailure;
}

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
