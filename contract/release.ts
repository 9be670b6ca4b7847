import type { QueryDefinition } from '@temporalio/common';
import { update } from './controls';
import type { Distribution } from './distribution';
import type { Resource } from './resources';
import type { BuildResult } from './result';
import type { DiskSnapshot } from './steps';

/** Name of the workflow type that makes the next release of an image family. */
export const goldenImageWorkflowType = 'goldenImage';

/** The workflow ID is the lock: one run of a pipeline at a time. */
export const goldenImageWorkflowId = (region: string, pipeline: string) => `golden-image/${region}/${pipeline}`;

/** The release ID, such as `release-5e8c0f9a1b2c`: like a build ID it is part of the tags of what is made. */
export const releaseIdOf = (firstExecutionRunId: string) => `release-${firstExecutionRunId.slice(-12)}`;

/** The stages of a pipeline, in order. */
export const releaseStageNames = ['findSource', 'build', 'test', 'approve', 'promote', 'distribute', 'retire'] as const;
export type ReleaseStageName = (typeof releaseStageNames)[number];

/** What is asked for beside the pipeline itself. */
export interface ReleaseRequest {
  /** Who asked for it. */
  by?: string | undefined;
  /** Also when nothing has changed on the source. */
  force?: boolean | undefined;
  /** ISO 8601, UTC: when it was due, where that is not now. A schedule's own time counts, too. */
  nominalAt?: string | undefined;
  /** The schedule that asks. */
  schedule?: string | undefined;
}

/** What became of an image that a pipeline made. */
export type ReleaseState =
  /** Not decided yet, or its run did not live to decide. */
  | 'candidate'
  /** The one to use. */
  | 'current'
  /** Was current until another one was promoted. */
  | 'released'
  /** Was current until the family was rolled back. */
  | 'withdrawn'
  /** Failed its test, was not approved, or its run failed. */
  | 'rejected';

/** A release's image in one region. */
export interface ReleaseImage {
  region: string;
  imageId: string;
  name: string;
  state: ReleaseState;
  /** GiB. */
  size?: number | undefined;
  /** Snapshots that the image holds. */
  snapshotIds: string[];
  /** Snapshots of the data disks beside the image. */
  snapshots: DiskSnapshot[];
}

/** What somebody, or nobody in time, said to a candidate. */
export interface Decision {
  verdict: 'approved' | 'rejected';
  by: string;
  reason?: string | undefined;
  /** ISO 8601, UTC. */
  at: string;
}

/** How a run of a pipeline ended. `partial`: released, but not in all regions or to all accounts that it was to reach. */
export type ReleaseOutcome = 'released' | 'partial' | 'rejected' | 'unchanged' | 'failed' | 'cancelled';

/**
 * The manifest of a release: the result of the workflow `goldenImage`, its query `release`, and (in the report) the first
 * detail of its failure. All times ISO 8601, UTC.
 */
export interface Release {
  kind: 'release';
  /** The release ID. */
  buildId: string;
  pipeline: string;
  family: string;
  region: string;
  workflowId: string;
  runId: string;
  /** Fingerprint of the normalised pipeline. */
  specHash: string;
  triggered: { by: string; schedule?: string | undefined };
  /** When the run was due: dates and ages count from here. */
  nominalAt: string;
  startedAt: string;
  endedAt?: string | undefined;
  /** Absent while it runs. */
  outcome?: ReleaseOutcome | undefined;
  /** Why it was rejected, or failed, or is not everywhere. */
  reason?: string | undefined;
  accountId?: string | undefined;
  source?: { instanceId: string; name: string } | undefined;
  /** With skipUnchanged: the release since which nothing has changed, or what has changed. */
  change?: { since?: string | undefined; story: string } | undefined;
  build?: Pick<BuildResult, 'buildId' | 'source'> | undefined;
  /** One a region; the first is that of the pipeline's own. */
  images: ReleaseImage[];
  test?: { instanceId?: string | undefined; passed: boolean; found: string[] } | undefined;
  decision?: Decision | undefined;
  promoted?: { at: string; previous?: string | undefined; notes: string[] } | undefined;
  /** One a place that it was distributed to. */
  distribution?: Distribution[] | undefined;
  retired: RetiredImage[];
  stages: { step: ReleaseStageName; seconds: number }[];
  /** Instances and disks of the test, with what became of them. */
  resources: Resource[];
}

/** What became of an image that was looked at for retirement. */
export interface RetiredImage {
  region: string;
  imageId: string;
  name: string;
  /** Why it goes, or why it stays though it is old. */
  reason: string;
  /** `stays`: told by a dry run only, as `would go` is. */
  outcome: 'would go' | 'deleted' | 'left' | 'stays';
  /** Why it was left. */
  problem?: string | undefined;
  /** Snapshots of a deleted image that are still to go, as its reason says: the family's workflow goes on trying. */
  snapshotIds?: string[] | undefined;
}

/** That a release waits for an approval. */
export interface WaitingProgress {
  imageId: string;
  /** ISO 8601, UTC. */
  since: string;
  until: string;
}

/** What somebody says to a candidate that waits. */
export interface Verdict {
  /** Who says so. */
  by: string;
  /** A rejection must have one. */
  reason?: string | undefined;
}

/** Updates: approve or reject the candidate that waits. Refused when none does. */
export const approveUpdate = update<Decision, [verdict: Verdict]>('approve');
export const rejectUpdate = update<Decision, [verdict: Verdict]>('reject');

/**
 * That more time is given: to mend a release that is held (`hold`), to approve its candidate (`approve`), or for room in the image
 * quotas of the regions where copies wait for it (`room`).
 */
export interface ReleaseExtension {
  /** Default: what waits now. */
  of?: Extended['of'] | undefined;
  /** How much later, in seconds. */
  seconds: number;
}

/** What was put off, and until when. */
export interface Extended {
  of: 'hold' | 'approve' | 'room';
  /** ISO 8601, UTC. Of several regions: the latest. */
  until: string;
}

/** Update: puts the deadline of what waits off. Named as that of a build; refused when nothing waits. */
export const extendReleaseUpdate = update<Extended, [extension: ReleaseExtension]>('extendDeadline');

/** Query: the manifest as far as it is written. */
export const releaseQuery = { type: 'query', name: 'release' } as QueryDefinition<Release>;
