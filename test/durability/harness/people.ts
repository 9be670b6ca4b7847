import { type Client, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import assert from 'node:assert/strict';
import {
  type Amendment,
  type BuildActivities,
  type BuildPhase,
  pauseUpdate,
  resumeUpdate,
  retryStepUpdate,
  type StepName,
} from '../../../contract';
import { resetRun } from '../../support/reset';
import type { Play } from './play';
import type { Act, Moment } from './scenario';

export type ActivityName = keyof BuildActivities;

/** An activity of the build as the Temporal UI lists it under _Pending Activities_. */
async function pending({ handle }: Play, name: ActivityName) {
  const { raw } = await handle.describe();
  return raw.pendingActivities?.find(({ activityType }) => activityType?.name === name);
}

/** Looks until something is so; fails when it never is. */
async function see(play: Play, what: string, look: () => Promise<boolean>): Promise<void> {
  assert.ok(await play.until(look), `${what} was not to be seen`);
}

/** As soon as the build says that it is in this phase. */
export const inPhase = (phase: BuildPhase): Moment => ({
  called: `once it is ${phase}`,
  once: async (play) => (await play.progress())?.phase === phase,
});

/** As soon as the build has come to its end, good or bad. */
export const whenOver: Moment = {
  called: 'when the build is over',
  once: async ({ handle }) => (await handle.describe()).status.name !== 'RUNNING',
};

/** As soon as this activity waits for the cloud, and says so in its heartbeat. */
export const whileWaiting = (name: ActivityName): Moment => ({
  called: `while ${name} waits`,
  once: async (play) => {
    const beat = (await pending(play, name))?.heartbeatDetails?.payloads?.[0]?.data;
    return /STOPPING|STARTING|CREATING|PENDING/.test(Buffer.from(beat ?? []).toString());
  },
});

/** As soon as an attempt at this activity has failed, and it waits until the next one is due. */
export const betweenAttempts = (name: ActivityName): Moment => ({
  called: `between two attempts at ${name}`,
  once: async (play) => {
    const { attempt = 1, state } = (await pending(play, name)) ?? {};
    return Number(attempt) > 1 && Number(state) === scheduledState;
  },
});

/** As soon as another attempt at this activity is at work. */
export const takenOver = (name: ActivityName): Moment => ({
  called: `once another worker is at ${name}`,
  once: async (play) => {
    const { attempt = 1, state } = (await pending(play, name)) ?? {};
    return Number(attempt) > 1 && Number(state) === startedState;
  },
});

/** Asks for the cancellation, and comes back when Temporal has taken it. */
export const cancel: Act = {
  name: 'cancel',
  do: async (play) => {
    const { handle } = play;
    await handle.cancel();
    await see(play, 'the cancellation', async () => {
      return (await handle.describe()).raw.workflowExtendedInfo?.cancelRequested === true;
    });
  },
};

/** Ends the build from the Temporal UI: no code of it runs any more, but for what its last activity is just doing. */
export const terminate: Act = {
  name: 'terminate',
  do: ({ handle }) => handle.terminate('by hand'),
};

/** Two acts in one moment. */
export function both(one: Act, other: Act): Act {
  return { name: `${one.name}, ${other.name}`, do: async (play) => [await one.do(play), await other.do(play)] };
}

/** Starts the next build of the same source. */
export const startNext: Act = {
  name: 'start the next build',
  do: (play) => play.start(play.key, { image: { name: `next-${play.key}` } }),
};

/** Pauses the build; it must be answered that it will stand before this step. */
export const pauseBefore = (before: StepName): Act => ({
  name: 'pause',
  do: async ({ handle }) => {
    const answer = await handle.executeUpdate(pauseUpdate, { args: [{ reason: 'a deployment' }] });
    assert.deepEqual(answer, { before });
  },
});

/** Asks for a pause that must be refused with this type, and leave the build as it is. */
export const pauseRefused = (type: string): Act => ({
  name: `pause, refused: ${type}`,
  do: async ({ handle }) => {
    const error: unknown = await handle.executeUpdate(pauseUpdate, { args: [{}] }).then(
      () => assert.fail('the pause was taken'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof WorkflowUpdateFailedError, String(error));
    assert.ok(error.cause instanceof ApplicationFailure, String(error.cause));
    assert.equal(error.cause.type, type);
  },
});

/** Lets a paused build go on. While it stands, its source must be up and unclaimed. */
export const resume: Act = {
  name: 'resume',
  do: async (play) => {
    const { instances } = await play.cloud.state(play.region);
    const source = instances.find(({ id }) => id === play.build.instanceId);
    const before = play.before.instances.find(({ id }) => id === play.build.instanceId);
    assert.deepEqual([source?.state, source?.tags], [before?.state, before?.tags], 'the source while the build stands');
    await play.handle.executeUpdate(resumeUpdate);
  },
};

/** Tries the failed step of a held build again. `{key}` in a new image name is the tail of the instance ID. */
export const retry = (amendment: Amendment): Act => ({
  name: 'retry with an amendment',
  do: (play) => {
    const { name } = amendment;
    const own = name === undefined ? amendment : { ...amendment, name: play.fill(name) };
    return play.handle.executeUpdate(retryStepUpdate, { args: [own] });
  },
});

/**
 * Resets the build to the workflow task that scheduled this activity, as the Temporal UI does: what came after is forgotten,
 * the activity is scheduled anew, and what the old one is just doing is not waited for.
 */
export const resetTo = (name: ActivityName): Act => resetToOne(`reset to ${name}`, (names) => names.indexOf(name));
/** The same, to the last activity of that name. */
export const resetToLast = (name: ActivityName): Act =>
  resetToOne(`reset to the last ${name}`, (names) => names.lastIndexOf(name));

const resetToOne = (name: string, choose: (names: string[]) => number): Act => ({
  name,
  do: ({ handle, server: { client } }) =>
    resetBuild(client, handle.workflowId, (names) => {
      const index = choose(names);
      assert.ok(index >= 0, `the build has not come to that: ${names.join(', ')}`);
      return index;
    }),
});

/**
 * Resets a build to the workflow task that scheduled one of its activities.
 *
 * @param choose is given the activities that it has scheduled, in order, and answers which of them
 */
export async function resetBuild(
  client: Client,
  workflowId: string,
  choose: (names: string[]) => number,
): Promise<void> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const scheduled = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: activity }) => activity ?? []);
  const chosen = scheduled[choose(scheduled.map(({ activityType }) => activityType?.name ?? ''))]!;
  await resetRun(client, workflowId, chosen.workflowTaskCompletedEventId!);
}

/** How an activity is named to the workflow service. */
export const activityOf = (client: Client, workflowId: string, type: string) => ({
  namespace: client.options.namespace,
  execution: { workflowId },
  type,
});

const about = ({ handle, server: { client } }: Play, type: ActivityName) => activityOf(client, handle.workflowId, type);

/** PENDING_ACTIVITY_STATE_SCHEDULED: it waits for its next attempt. */
const scheduledState = 1;
/** PENDING_ACTIVITY_STATE_STARTED: an attempt of it is at work. */
const startedState = 2;
/** PENDING_ACTIVITY_STATE_PAUSED: it is paused, and no attempt of it is at work. */
const pausedState = 4;

/**
 * Pauses an activity from the Temporal UI; its heartbeat tells it, and it lets go. A call that waits in the cloud is given up by
 * then, and is applied later all the same.
 */
export const pauseActivity = (name: ActivityName): Act => ({
  name: `pause ${name}`,
  do: async (play) => {
    await play.server.client.workflowService.pauseActivity(about(play, name));
    await see(play, `the pause of ${name}`, async () => Number((await pending(play, name))?.state) === pausedState);
  },
});

export const unpauseActivity = (name: ActivityName): Act => ({
  name: `unpause ${name}`,
  do: (play) => play.server.client.workflowService.unpauseActivity(about(play, name)),
});

/**
 * Resets an activity from the Temporal UI, and comes back when another attempt has begun. One that is at work hears of it with its next
 * heartbeat, and the attempt that follows counts as its second. One that waits between two attempts begins as its first.
 */
export const resetActivity = (name: ActivityName): Act => ({
  name: `reset ${name}`,
  do: async (play) => {
    const before = await pending(play, name);
    assert.ok(before, `${name} is pending`);
    await play.server.client.workflowService.resetActivity({ ...about(play, name), resetHeartbeat: true });
    await see(play, `another attempt at ${name}`, async () => {
      const now = await pending(play, name);
      if (now) return timeOf(now.lastStartedTime) > timeOf(before.lastStartedTime);
      // Over by now, by the attempt that its history names.
      return (await lastStart(play, name)) > timeOf(before.lastStartedTime);
    });
  },
});

/** Resets an activity that is paused: its attempts are counted anew, and it stays paused. */
export const resetPaused = (name: ActivityName): Act => ({
  name: `reset ${name}, which is paused`,
  do: (play) =>
    play.server.client.workflowService.resetActivity({
      ...about(play, name),
      resetHeartbeat: true,
      keepPaused: true,
    }),
});

/** In milliseconds; 0: never. */
const timeOf = (time: { seconds?: unknown; nanos?: number | null } | null | undefined) =>
  Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;

/** When the last attempt of an activity that is over began. */
async function lastStart({ handle }: Play, name: ActivityName): Promise<number> {
  const { events } = await handle.fetchHistory();
  const scheduled = (events ?? []).filter(
    ({ activityTaskScheduledEventAttributes: one }) => one?.activityType?.name === name,
  );
  const started = (events ?? []).filter(({ activityTaskStartedEventAttributes: one }) =>
    scheduled.some(({ eventId }) => String(eventId) === String(one?.scheduledEventId)),
  );
  return Math.max(0, ...started.map(({ eventTime }) => timeOf(eventTime)));
}
