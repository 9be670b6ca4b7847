import { isDeepStrictEqual } from 'node:util';
import type { StateResource } from '../../support/simulator';
import { passing } from './clean';
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
