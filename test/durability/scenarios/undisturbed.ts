import assert from 'node:assert/strict';
import { callsOf } from '../harness/judge';
import type { Play } from '../harness/play';
import type { Scenario } from '../harness/scenario';
import { methods, mutations } from './calls';
import { undoings } from './undoings';

/** Builds that nothing happens to: what the judge says of them is what it says of a good build. */
export const undisturbed: Scenario[] = [
  ...methods.map((method): Scenario => ({
    group: 'undisturbed',
    name: method,
    ends: 'completed',
    spec: { method },
    slice: true,
    // The scenarios of lost answers and kills go through a list of calls; this is where it is held to be complete.
    also: async (play) => {
      const expected = ['RunInstances (dry run)', ...mutations[method].map(({ action }) => action)];
      assert.deepEqual((await changesOf(play)).sort(), expected.sort(), 'the calls that change something');
    },
  })),
  ...undoings.map(({ name, before, undo, ...undoing }): Scenario => ({
    group: 'undisturbed',
    name: `undo · ${name}`,
    ...undoing,
    // The same for the calls by which builds are undone.
    also: async (play) => {
      const expected = [...before, ...undo.map(({ action }) => action)];
      assert.deepEqual((await changesOf(play)).sort(), expected.sort(), 'the calls that change something');
    },
  })),
  {
    group: 'undisturbed',
    name: 'twenty builds at once on two workers',
    ends: 'completed',
    builds: 20,
    site: 'workers',
    workers: 2,
  },
];

async function changesOf(play: Play): Promise<string[]> {
  const changes = (await callsOf(play)).filter(
    // What builds do: not the sweep.
    ({ action, applied, time }) => time < play.sweptAt && applied && !/^(Describe|Get|AssumeRole)/.test(action),
  );
  const isDry = (resources: string[]) => !resources.some((id) => id.startsWith('ins-'));
  return changes.map(({ action, resources }) =>
    action === 'RunInstances' && isDry(resources) ? 'RunInstances (dry run)' : action,
  );
}
