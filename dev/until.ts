import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Looks again and again, at short and growing intervals, until the condition holds.
 *
 * @returns whether it held before the time was up
 */
export async function untilTrue(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (let wait = 10; ; wait = Math.min(wait * 1.3, 100)) {
    if (await condition()) return true;
    if (performance.now() > deadline) return false;
    await sleep(wait);
  }
}
