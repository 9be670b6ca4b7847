import assert from 'node:assert/strict';
import { callsOf } from '../harness/judge';
import { cancel, terminate } from '../harness/people';
import type { Play } from '../harness/play';
import { killWorker } from '../harness/processes';
import type { Scenario } from '../harness/scenario';
import { methods } from './calls';
import { imageFails } from './steps';

/** Nobody stops, starts or claims a source that was stopped when it was found. */
async function leftAlone(play: Play): Promise<void> {
  const { instanceId } = play.build;
  const touching = (await callsOf(play)).filter(
    ({ action, applied, resources }) =>
      applied && /^(Stop|Start|Reboot)Instances$|TagResources$/.test(action) && resources.includes(instanceId),
  );
  assert.deepEqual(
    touching.map(({ action }) => action),
    [],
    'what was done to the source',
  );
}

const found = (name: string, rest: Omit<Scenario, 'group' | 'name'>): Scenario => ({
  group: 'undisturbed',
  name: `the source is found stopped · ${name}`,
  source: { state: 'STOPPED' },
  also: leftAlone,
  ...rest,
});

/** Builds of a source that is stopped: it is left stopped, whatever becomes of them. */
export const foundStopped: Scenario[] = methods.flatMap((method) => [
  found(method, { ends: 'completed', spec: { method }, ...(method === 'instance' ? { slice: true } : {}) }),
  found(`${method} · the image fails`, {
    ends: { failed: /^ImageCreateFailed$/ },
    spec: { method },
    faults: [imageFails],
  }),
  found(`${method} · cancelled before the image`, {
    ends: 'cancelled',
    spec: { method },
    beats: [{ at: { before: { action: 'CreateImage' } }, act: cancel }],
  }),
  found(`${method} · terminated after the image`, {
    ends: 'terminated',
    spec: { method },
    beats: [{ at: { after: { action: 'CreateImage' } }, act: terminate }],
  }),
  found(`${method} · the worker dies after the last snapshot`, {
    ends: 'completed',
    spec: { method },
    site: 'workers',
    beats: [{ at: { after: { action: 'CreateSnapshot', nth: method === 'instance' ? 2 : 3 } }, act: killWorker }],
  }),
]);
