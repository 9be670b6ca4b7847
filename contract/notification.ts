import type { BuildRef } from './steps';

/**
 * What a webhook is told, in the envelope of Standard Webhooks: `type`, `timestamp`, `data`. Delivered at least once;
 * the header `webhook-id` is the same for every delivery of one event.
 */
export interface Notification {
  /**
   * `build.held`, `release.held`: somebody must mend it. `build.source-down`: the source has been down for long.
   * `release.waiting`: a candidate waits for an approval, said again while it waits. The others: how a release ended.
   */
  type:
    | 'build.held'
    | 'build.source-down'
    | 'release.held'
    | 'release.waiting'
    | 'release.released'
    | 'release.partial'
    | 'release.rejected'
    | 'release.unchanged'
    | 'release.failed'
    | 'release.cancelled';
  /** ISO 8601, UTC: when it happened. */
  timestamp: string;
  data: {
    workflowId: string;
    runId: string;
    /** Of a release, the release ID. */
    buildId: string;
    region: string;
    /** The source instance; of a release that has not found it yet, empty. */
    instanceId: string;
    /** Of a release that has not named it yet, empty. */
    imageName: string;
    /** Of a release: the pipeline, the family, and the image once there is one. */
    pipeline?: string | undefined;
    family?: string | undefined;
    imageId?: string | undefined;
    /** The step that failed, or that is at work. */
    step?: string | undefined;
    code?: string | undefined;
    /** What happened, for people. */
    message: string;
    /** What to do about it. */
    advice?: string | undefined;
    requestId?: string | undefined;
    /** ISO 8601, UTC: until when it is held, or waits. */
    until?: string | undefined;
  };
}

export interface NotifyInput {
  build: BuildRef;
  /** Name of the webhook in the worker's configuration. */
  webhook: string;
  /** The same for every delivery of this event. */
  id: string;
  notification: Notification;
}
