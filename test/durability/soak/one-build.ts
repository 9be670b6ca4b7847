import {
  type Client,
  type WorkflowHandleWithFirstExecutionRunId,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type BuildProgress,
  type BuildResult,
  type BuildSpecInput,
  buildIdOf,
  buildWorkflowId,
  buildWorkflowType,
  pauseUpdate,
  progressQuery,
  resumeUpdate,
  retryStepUpdate,
} from '../../../contract';
import type { SimulatorControl, StateResource } from '../../support/simulator';
import { type BuildEnd, endOf } from '../harness/ending';
import { ofBuild, snapshotsOf } from '../harness/exact';
import { activityOf, resetBuild } from '../harness/people';
import type { FaultForm } from '../harness/scenario';
import type { Site } from '../harness/site';
import type { PersonalAct, PlannedBuild } from './plan';

type Handle = WorkflowHandleWithFirstExecutionRunId<(spec: BuildSpecInput) => Promise<BuildResult>>;

/** A build of the soak that is over, or hangs. */
export interface Soaked {
  planned: PlannedBuild;
  /** The source before anything was done to it. */
  source: StateResource;
  /** Its disks, likewise. */
  disks: StateResource[];
  end: BuildEnd;
  /** Faults that were armed for it: ID and kind. */
  armed: { id: string; name: string }[];
  /** What a person did, once it was done. */
  person?: string;
  /** IDs of what somebody else made, in its way. */
  others: string[];
  /** IDs of what somebody else deleted of it. */
  taken: string[];
  /** IDs of what that has left, and nobody's any more. */
  orphans: string[];
}

/** Seeds the source, arms what goes wrong, starts the build, lets a person act on it, and waits for its end. */
export async function soakBuild(site: Site, planned: PlannedBuild, limit: AbortSignal): Promise<Soaked> {
  const { cloud, server, taskQueue } = site;
  const { key, region, spec, mishaps } = planned;
  await cloud.seed({ instances: [{ ...planned.source, region, id: spec.instanceId }] });
  const others = mishaps.some(({ bystander }) => bystander) ? await seedImage(cloud, planned) : [];
  const before = await cloud.state(region);
  const source = before.instances.find(({ id }) => id === spec.instanceId)!;
  const disks = before.disks.filter(({ instanceId }) => instanceId === spec.instanceId);
  const armed: Soaked['armed'] = [];
  for (const { name, fault } of mishaps) {
    const own = JSON.parse(JSON.stringify(fault).replaceAll('{key}', key)) as FaultForm;
    armed.push({ name, id: await cloud.fault(own) });
  }
  const { client } = server;
  // The server may be dead at any moment: what has to be done is tried until it is.
  const handle = await untilDone(limit, () =>
    client.workflow.start<(spec: BuildSpecInput) => Promise<BuildResult>>(buildWorkflowType, {
      workflowId: buildWorkflowId(region, spec.instanceId),
      workflowIdConflictPolicy: 'USE_EXISTING',
      taskQueue,
      workflowTaskTimeout: '2s',
      args: [spec],
    }),
  );
  const acts = actsOn(client, handle, planned.person?.choice ?? 0, limit);
  const build = { key, instanceId: spec.instanceId, spec, handle };
  const over = new AbortController();
  const acting = planned.person ? act(planned.person) : Promise.resolve(undefined);
  const stealing = steal(cloud, planned, buildIdOf(spec.instanceId, handle.firstExecutionRunId), over.signal);
  const first = await endOf(client, build, limit);
  over.abort();
  const person = await acting;
  const { taken, orphans } = await stealing;
  // A build that was over may have been reset.
  const end = person === 'reset' ? await endOf(client, build, limit) : first;
  return { planned, source, disks, end, armed, others, taken, orphans, ...(person === undefined ? {} : { person }) };

  /** Answers what was done; undefined when it was too late for it, or nobody was there who would have answered. */
  async function act({ act, after }: NonNullable<PlannedBuild['person']>): Promise<string | undefined> {
    await pause(after);
    try {
      await acts[act]();
      return act;
    } catch {
      return undefined;
    }
  }
}

/** An image of somebody else, which may get in the way of the build's. Answers the IDs of what there is then. */
async function seedImage(cloud: SimulatorControl, { region, key }: PlannedBuild): Promise<string[]> {
  const seed = { images: [{ region, id: `img-${key}`, name: `other-${key}` }] };
  const { images } = (await cloud.send('POST', 'seed', seed)) as { images: { SnapshotIds: string[] }[] };
  return [`img-${key}`, ...images.flatMap(({ SnapshotIds }) => SnapshotIds)];
}

/** Somebody else deletes the build's image or one of its snapshots, some time after it is there, unless the build is over by then. */
async function steal(
  cloud: SimulatorControl,
  { region, theft }: PlannedBuild,
  buildId: string,
  over: AbortSignal,
): Promise<Pick<Soaked, 'taken' | 'orphans'>> {
  if (theft === undefined) return { taken: [], orphans: [] };
  const found = async () => ofBuild(await cloud.state(region), buildId)[`${theft.of}s`][0];
  while (!over.aborted && !(await found())) await pause(200);
  await pause(theft.after, undefined, { signal: over }).catch(() => undefined);
  const one = await found();
  if (over.aborted || !one) return { taken: [], orphans: [] };
  // The build may have been quicker with it.
  const done = await cloud.send('POST', 'interfere', { act: `delete-${theft.of}`, id: one.id }).then(
    () => true,
    () => false,
  );
  // The snapshots that the cloud made for an image bear no tag.
  return { taken: done ? [one.id] : [], orphans: done && theft.of === 'image' ? snapshotsOf(one) : [] };
}

/** What a person may do to a build. Throws when nothing has come of it. */
function actsOn(
  client: Client,
  handle: Handle,
  dice: number,
  limit: AbortSignal,
): Record<PersonalAct, () => Promise<unknown>> {
  const { workflowService } = client;
  const { workflowId } = handle;
  const pending = async () => (await handle.describe()).raw.pendingActivities ?? [];
  /** One of the activities that are at work, as the workflow service is to be told of it. */
  const anyActivity = async () => {
    const types = (await pending()).map(({ activityType }) => activityType!.name!);
    if (types.length === 0) throw new Error('no activity is at work');
    return activityOf(client, workflowId, types[Math.floor(dice * types.length)]!);
  };
  return {
    'pause an activity': async () => {
      const activity = await anyActivity();
      try {
        await workflowService.pauseActivity(activity);
        await pause(3000);
      } finally {
        // It may have been taken though nobody was there to answer.
        await untilDone(limit, async () => {
          const paused = (await pending()).some(
            ({ activityType, paused: is }) => is && activityType?.name === activity.type,
          );
          if (paused) await workflowService.unpauseActivity(activity);
        });
      }
    },
    'reset an activity': async () => workflowService.resetActivity({ ...(await anyActivity()), resetHeartbeat: true }),
    cancel: () => handle.cancel(),
    terminate: () => handle.terminate('a person, in the soak'),
    pause: async () => {
      try {
        await handle.executeUpdate(pauseUpdate, { args: [{ reason: 'a person, in the soak' }] });
        await pause(3000);
      } finally {
        // It may have been taken though nobody was there to answer.
        await untilDone(limit, () => handle.executeUpdate(resumeUpdate));
      }
    },
    retry: async () => {
      await untilDone(limit, async () => {
        const { phase } = await handle.query<BuildProgress>(progressQuery);
        if (phase === 'held') return;
        // Over without ever having been held: there is nothing to retry.
        const { status } = await handle.describe();
        if (status.name !== 'RUNNING') throw new WorkflowNotFoundError('it is over', workflowId, undefined);
        throw new Error(`it is ${phase}`);
      });
      const amendment = dice < 0.5 ? {} : { description: 'amended by a person, in the soak' };
      await untilDone(limit, () => handle.executeUpdate(retryStepUpdate, { args: [amendment] }));
    },
    reset: () => untilDone(limit, () => resetBuild(client, workflowId, (names) => Math.floor(dice * names.length))),
  };
}

/** Tries until it works, or nobody is there who could do it any more. */
async function untilDone<T>(limit: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const final = error instanceof WorkflowNotFoundError || error instanceof WorkflowUpdateFailedError;
      if (final || limit.aborted) throw error;
      await pause(200);
    }
  }
}
