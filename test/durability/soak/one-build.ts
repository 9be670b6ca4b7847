import { setTimeout as pause } from 'node:timers/promises';
import {
  type BuildResult,
  type BuildSpecInput,
  buildWorkflowId,
  buildWorkflowType,
  pauseUpdate,
  resumeUpdate,
} from '../../../contract';
import type { StateResource } from '../../support/simulator';
import { type BuildEnd, endOf } from '../harness/ending';
import type { FaultForm } from '../harness/scenario';
import type { Site } from '../harness/site';
import type { PlannedBuild } from './plan';

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
}

/** Seeds the source, arms what goes wrong, starts the build, lets a person act on it, and waits for its end. */
export async function soakBuild(site: Site, planned: PlannedBuild, limit: AbortSignal): Promise<Soaked> {
  const { cloud, server, taskQueue } = site;
  const { key, region, spec, mishaps } = planned;
  await cloud.seed({ instances: [{ ...planned.source, region, id: spec.instanceId }] });
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
  const build = { key, instanceId: spec.instanceId, spec, handle };
  const acting = planned.person ? act(planned.person) : Promise.resolve(undefined);
  const end = await endOf(client, build, limit);
  const person = await acting;
  return { planned, source, disks, end, armed, ...(person === undefined ? {} : { person }) };

  async function act({ act, after }: NonNullable<PlannedBuild['person']>): Promise<string | undefined> {
    await pause(after);
    try {
      if (act === 'cancel') await handle.cancel();
      else if (act === 'terminate') await handle.terminate('a person, in the soak');
      else {
        await handle.executeUpdate(pauseUpdate, { args: [{ reason: 'a person, in the soak' }] });
        await pause(3000);
        await untilDone(limit, () => handle.executeUpdate(resumeUpdate));
      }
      return act;
    } catch {
      // Too late, nothing to pause any more, or nobody there who would answer.
      return undefined;
    }
  }
}

/** Tries until it works; what is refused for good is given up with the limit. */
async function untilDone<T>(limit: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (limit.aborted) throw error;
      await pause(200);
    }
  }
}
