import type { Client, WorkflowHandle } from '@temporalio/client';
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import {
  buildIdOf,
  type SweepInput,
  type SweepReport,
  sweepWorkflowId,
  sweepWorkflowType,
  tagKeys,
} from '../../../contract';
import { ofBuild } from './exact';
import type { Play } from './play';
import { restoredProblems } from './restored';
import type { Act, Moment } from './scenario';
import { heartbeat, lease, settings } from './timing';

interface Place {
  client: Client;
  region: string;
  taskQueue: string;
}

type Sweeping = WorkflowHandle<(input: SweepInput) => Promise<SweepReport>>;

/** Sweeps a region once, as `cvm-image sweep --apply --grace 0` does. */
export async function sweepAway(place: Place): Promise<SweepReport> {
  const sweeping = await startSweep(place);
  const limit = new AbortController();
  const late = pause(limitSeconds * 1000, 'late' as const, { signal: limit.signal });
  const report = await Promise.race([sweeping.result(), late]).finally(() => {
    late.catch(() => undefined);
    limit.abort();
  });
  if (report !== 'late') return report;
  await sweeping.terminate('the sweep does not end');
  throw new Error(`the sweep did not end within ${limitSeconds} s`);
}

/** Its activities have two minutes at most. */
const limitSeconds = 300;

function startSweep({ client, region, taskQueue }: Place): Promise<Sweeping> {
  return client.workflow.start<(input: SweepInput) => Promise<SweepReport>>(sweepWorkflowType, {
    workflowId: sweepWorkflowId(region),
    taskQueue,
    workflowTaskTimeout: '2s',
    args: [{ region, apply: true, grace: 0, deadlines: { findLeftovers: 60, putRight: 120, heartbeat } }],
  });
}

const sweeps = new WeakMap<Play, Sweeping>();

/** Begins a sweep once whatever a terminated build was doing has settled: what a scenario injects meets this one, and not the judge's. */
export const beginSweep: Act = {
  name: 'sweep',
  do: async (play) => {
    await pause((lease + settings.settleSeconds!) * 1000);
    const { region, taskQueue, server } = play;
    sweeps.set(play, await startSweep({ client: server.client, region, taskQueue }));
  },
};

/** When the sweep that a scenario began is over. */
export const sweptOnce: Moment = {
  called: 'when the sweep is over',
  once: async (play) => (await sweeps.get(play)!.describe()).status.name !== 'RUNNING',
};

/** That sweep alone has put everything right, and says so; there is nothing left for a second one. */
export const nothingIsLeft: Act = {
  name: 'nothing is left',
  do: async (play) => {
    const { leftovers } = await sweeps.get(play)!.result();
    assert.ok(leftovers.length > 0, 'the sweep found something');
    assert.deepEqual(
      leftovers.filter(({ plan, outcome }) => plan !== 'report' && (outcome === undefined || outcome === 'left')),
      [],
      'what the sweep left',
    );
    const state = await play.cloud.state(play.region);
    for (const { instanceId, handle } of play.builds) {
      const left = Object.values(ofBuild(state, buildIdOf(instanceId, handle.firstExecutionRunId))).flat();
      assert.deepEqual(
        left.filter(({ tags }) => tags[tagKeys.state] !== 'kept').map(({ id }) => id),
        [],
      );
      const find = (list: typeof state.instances) => list.find(({ id }) => id === instanceId);
      assert.deepEqual(restoredProblems(undefined, find(play.before.instances)!, find(state.instances)), []);
    }
  },
};
