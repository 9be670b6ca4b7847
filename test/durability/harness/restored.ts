import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { StateResource } from '../../support/simulator';
import { passing } from './clean';
import type { Play } from './play';
import type { SourceChange } from './scenario';

/** What of a source has to be as it was found: who runs, with what, reached where, and said to be what. */
const fields = [
  'state',
  'stoppedMode',
  'systemDiskId',
  'dataDiskIds',
  'type',
  'privateIp',
  'publicIp',
  'tags',
] as const;

/**
 * The source is as it was found, but for what somebody else made of it meanwhile, which stays.
 *
 * @param before the source when it was found
 * @param after the source now; undefined when there is none
 */
export function restoredProblems(
  changed: SourceChange | undefined,
  before: StateResource,
  after: StateResource | undefined,
): string[] {
  const isGone = after === undefined || passing.has(after.state);
  if (changed === 'gone') return isGone ? [] : ['the source is still there, though somebody terminated it'];
  if (isGone) return ['the source is not there'];
  const { type = before.type, tags } = changed ?? {};
  const expected: StateResource = { ...before, type, tags: { ...before.tags, ...tags } };
  return fields
    .filter((field) => !isDeepStrictEqual(expected[field], after[field]))
    .map(
      (field) => `the source's ${field}: ${JSON.stringify(after[field])} instead of ${JSON.stringify(expected[field])}`,
    );
}

/** Milliseconds within which the source of a held build has to be up: a start takes a tenth of a second here, but machines are slow. */
const patienceMs = 20_000;

/** Whoever mends a held build may take days, and the source is up meanwhile. A build is held before it has started it again. */
export async function sourceWhileHeld({ cloud, region, build, before, scenario }: Play): Promise<string[]> {
  const { instanceId } = build;
  const find = (list: StateResource[]) => list.find(({ id }) => id === instanceId);
  const giveUp = Date.now() + patienceMs;
  for (;;) {
    const { instances } = await cloud.state(region);
    const problems = restoredProblems(scenario.changed, find(before.instances)!, find(instances));
    if (problems.length === 0 || Date.now() > giveUp) return problems;
    await pause(25);
  }
}
