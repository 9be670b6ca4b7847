import type { BuildRef } from './steps';

/**
 * What a webhook is told, in the envelope of Standard Webhooks: `type`, `timestamp`, `data`. Delivered at least once;
 * the header `webhook-id` is the same for every delivery of one event.
 */
export interface Notification {
  /** `build.held`: somebody must mend it. `build.source-down`: the source has been down for long. */
  type: 'build.held' | 'build.source-down';
  /** ISO 8601, UTC: when it happened. */
  timestamp: string;
  data: {
    workflowId: string;
    runId: string;
    buildId: string;
    region: string;
    instanceId: string;
    imageName: string;
    /** The step that failed, or that is at work. */
    step?: string | undefined;
    code?: string | undefined;
    /** What happened, for people. */
    message: string;
    /** What to do about it. */
    advice?: string | undefined;
    requestId?: string | undefined;
    /** ISO 8601, UTC: until when a held build waits. */
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
