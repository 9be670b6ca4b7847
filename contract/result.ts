import type { StepName } from './progress';
import type { ReleaseState } from './release';
import type { Resource } from './resources';
import type { DiskSnapshot, ImageFacts, LaunchedInstance } from './steps';

/** What a build made, and what it cost. */
export interface BuildResult {
  buildId: string;
  region: string;
  image: ImageFacts & { family?: string | undefined };
  /** One a chosen disk; empty when the image holds the data disks itself. */
  snapshots: DiskSnapshot[];
  instance?: LaunchedInstance | undefined;
  source: {
    instanceId: string;
    wasRunning: boolean;
    /** Seconds from asking for the stop to being seen RUNNING again, all down-times together; absent when the source was stopped anyway. */
    downTimeSeconds?: number | undefined;
    /** Each down-time by itself, in seconds; only when a retry made a second one. */
    downTimes?: number[] | undefined;
    /** What it had gone through last when it was seen RUNNING again (LatestOperationRequestId): any later operation has another one. */
    operation?: string | undefined;
  };
  steps: { step: StepName; seconds: number }[];
  /** Every resource made, with what became of it. */
  resources: Resource[];
}

/** First detail of the failure that a failed or cancelled build ends with. */
export interface BuildFailure<Name extends string = StepName> {
  buildId: string;
  /** The step that failed; absent when the build was refused or cancelled between steps. */
  step?: Name | undefined;
  /** The cloud's own error code, or one of ours: Cancelled, DeadlineExceeded, SpecInvalid, … */
  code: string;
  message: string;
  /** What to do about it. */
  advice?: string | undefined;
  requestId?: string | undefined;
  /** Every resource made, with what became of it. */
  resources: Resource[];
  /** The source instance at the end. */
  source?: string | undefined;
  /** That the build has started its source again: whoever stops it later means it. */
  sourceIsUp?: true | undefined;
}

/** Second detail of an activity's failure: what the activity knows that its message does not say. */
export interface StepFailureDetails {
  requestId?: string | undefined;
  advice?: string | undefined;
  /** True when nothing was changed in the cloud by this step in any attempt, so that nothing needs settling. */
  untouched: boolean;
  /** True when the source carries this installation's restore tag, left by a build that did not live to its end. */
  claimed?: boolean;
  /** Resources that the activity saw and that are still there; what an undo that ran out of time leaves behind. */
  left?: Resource[];
  /** What became of the image, when it was refused for that. */
  imageState?: ReleaseState | undefined;
  /** IDs of what the build had made and somebody else has removed. */
  gone?: string[];
}
