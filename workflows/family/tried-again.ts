import { CancellationScope, isCancellation, log, patched, sleep } from '@temporalio/workflow';
import type { Trailing } from '../../contract';
import { stepFailure } from '../failures';
import { tryAgain } from './place';

interface Failed {
  error: unknown;
  /** Since when what fails is tried again: before, it was given up. */
  patch: string;
  /** What is so as long as it fails. */
  meanwhile: string;
  /** For the log. */
  about: object;
  remember: () => void;
}

/**
 * After a try that failed: remembers in `one` how often it was tried, and why in vain. Hour by hour, for two days at most.
 *
 * Not a loop around an async function: that would see the failure a moment later, and histories have written down in which order
 * things were done.
 *
 * @returns the pause until the next try; undefined: it is given up
 */
export function nextTry(
  one: Pick<Trailing, 'tries' | 'problem'>,
  { error, patch, meanwhile, about, remember }: Failed,
): Promise<void> | undefined {
  log.warn(meanwhile, { ...about, error });
  const tries = (one.tries ?? 0) + 1;
  if (isCancellation(error) || tries >= tryAgain.times || !patched(patch)) return undefined;
  Object.assign(one, { tries, problem: stepFailure(error).message });
  remember();
  const summary = `${meanwhile}: tried again`;
  return CancellationScope.nonCancellable(() => sleep(tryAgain.pause * 1000, { summary }));
}
