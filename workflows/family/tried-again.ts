import { CancellationScope, isCancellation, log, patched, sleep } from '@temporalio/workflow';
import type { Trailing } from '../../contract';
import { stepFailure } from '../failures';
import { tryAgain } from './place';

interface TryingAgain {
  /** Since when what fails is tried again: before, it was given up. */
  patch: string;
  /** What is not so as long as it fails. */
  failed: string;
  remember: () => void;
  /** Called when it has succeeded, or is given up. */
  ended: () => void;
}

/** Works until it succeeds, hour by hour, and for two days at most; how often it was tried is remembered in `one`. */
export async function triedAgain(
  one: Pick<Trailing, 'tries' | 'problem'>,
  { patch, failed, remember, ended }: TryingAgain,
  work: () => Promise<void>,
): Promise<void> {
  for (;;) {
    try {
      await work();
      break;
    } catch (error) {
      log.warn(failed, { error });
      const tries = (one.tries ?? 0) + 1;
      if (isCancellation(error) || tries >= tryAgain.times || !patched(patch)) break;
      Object.assign(one, { tries, problem: stepFailure(error).message });
      remember();
      const summary = `${failed}: tried again`;
      await CancellationScope.nonCancellable(() => sleep(tryAgain.pause * 1000, { summary }));
    }
  }
  ended();
}
