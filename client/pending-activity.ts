import type { Client, DescribeWorkflowExecutionResponse } from '@temporalio/client';
import { ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow';
import { optionalTsToDate } from '@temporalio/common/lib/time';
import type { StepFailureDetails, WaitProgress } from '../contract';

/** The activity that a step or an undo has open now, as Temporal's server knows it: no worker is asked. */
export interface ActivityView {
  /** Its activity type. */
  name: string;
  /** Counts from 1. */
  attempt: number;
  /** `waiting`: no worker has taken it up yet; `retrying`: the last attempt failed and the next one comes later. */
  state: 'waiting' | 'working' | 'retrying' | 'cancelling' | 'paused';
  /** Out of the heartbeat: what is waited for, and how far it is. */
  wait?: WaitProgress & {
    /** How many earlier builds an estimated percentage comes from; absent when the worker has estimated it. */
    estimatedFrom?: number;
  };
  /** What the last attempt failed with. */
  lastFailure?: { code: string; message: string; requestId?: string };
  /** ISO 8601, UTC: when the next attempt begins; only while retrying. */
  nextAttemptAt?: string;
}

type RawActivity = NonNullable<DescribeWorkflowExecutionResponse['pendingActivities']>[number];

/** The open activities of a described run. */
export function pendingActivities(client: Client, description: DescribeWorkflowExecutionResponse) {
  return Promise.all((description.pendingActivities ?? []).map((raw) => activityView(client, raw)));
}

/** Numbers of temporal.api.enums.v1.PendingActivityState, which the client package does not export. */
const states = { scheduled: 1, started: 2, cancelRequested: 3, paused: 4, pauseRequested: 5 };

async function activityView(client: Client, raw: RawActivity): Promise<ActivityView> {
  const converter = client.options.loadedDataConverter;
  const nextAttempt = optionalTsToDate(raw.nextAttemptScheduleTime);
  const failure = await decodeOptionalFailureToOptionalError(converter, raw.lastFailure);
  const [wait] = (await decodeArrayFromPayloads(converter, raw.heartbeatDetails?.payloads)) as [unknown];
  const state = stateOf(raw, nextAttempt);
  return {
    name: raw.activityType?.name ?? 'unknown',
    attempt: raw.attempt ?? 1,
    state,
    ...(isWait(wait) ? { wait } : {}),
    ...(failure ? { lastFailure: describeFailure(failure) } : {}),
    ...(state === 'retrying' && nextAttempt ? { nextAttemptAt: nextAttempt.toISOString() } : {}),
  };
}

function stateOf(raw: RawActivity, nextAttempt: Date | undefined): ActivityView['state'] {
  switch (Number(raw.state)) {
    case states.started:
      return 'working';
    case states.cancelRequested:
      return 'cancelling';
    case states.paused:
    case states.pauseRequested:
      return 'paused';
    default:
      return nextAttempt !== undefined && nextAttempt.getTime() > Date.now() ? 'retrying' : 'waiting';
  }
}

function describeFailure(failure: Error): NonNullable<ActivityView['lastFailure']> {
  if (failure instanceof ApplicationFailure) {
    const [details] = (failure.details ?? []) as [Partial<StepFailureDetails> | undefined];
    const requestId = details?.requestId;
    return {
      code: failure.type ?? 'Error',
      message: failure.message,
      ...(requestId === undefined ? {} : { requestId }),
    };
  }
  // Said by the server when heartbeats stop: the usual cause is the end of a worker, not of the cloud.
  if (failure instanceof TimeoutFailure) return { code: 'Timeout', message: 'its worker was not heard of any more' };
  return { code: failure.name, message: failure.message };
}

function isWait(value: unknown): value is WaitProgress {
  return typeof value === 'object' && value !== null && 'waitingFor' in value;
}
