import { type World } from '../state/world';
import { type Fault, type FaultSubject } from './faults';
import { interfere } from './interfere';

/** What a hook is told about the call. */
interface Passage extends FaultSubject {
  readonly when: 'before' | 'after';
  readonly account: string;
  readonly requestId: string;
}

const hookTimeout = 10_000;
/** Longer than this (24.8 days) and timers go off at once. */
const longestTimer = 2 ** 31 - 1;

/** Does what passing faults want done before, or after, a call is applied; in the order in which they were armed. */
export async function onTheWay(
  world: World,
  faults: readonly Fault[],
  passage: Passage,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<void> {
  for (const fault of faults) {
    if (fault.kind === 'delay') await sleep(fault.milliseconds ?? 0);
    else if (fault.kind === 'pause') await world.pauses.wait(fault.id, longestPause(world, fault));
    else if (fault.kind === 'hook') await callHook(fault, passage);
    else if (fault.kind === 'interfere') meddle(world, fault);
  }
}

/** A pause that disarms itself lets go of what it holds: afterwards nobody could release it. */
function longestPause(world: World, { milliseconds = Infinity, until = Infinity }: Fault): number | undefined {
  const longest = Math.min(milliseconds, Math.max(0, until - world.realTime()));
  return longest > longestTimer ? undefined : longest;
}

/** Someone else acts. That what they act on is gone by then is no mistake. */
function meddle(world: World, fault: Fault): void {
  world.settle();
  try {
    interfere(world, fault.interference!);
    world.commit();
  } catch (error) {
    world.rollback();
    process.stderr.write(`simulator: ${fault.id} came to nothing: ${(error as Error).message}\n`);
  }
}

/** The call goes on when the hook has answered, whatever it says; one that cannot be reached is reported. */
async function callHook(fault: Fault, passage: Passage): Promise<void> {
  try {
    const response = await fetch(fault.url!, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ fault: fault.id, ...passage }),
      signal: AbortSignal.timeout(fault.milliseconds ?? hookTimeout),
    });
    await response.arrayBuffer();
  } catch (error) {
    process.stderr.write(`simulator: the hook of ${fault.id} at ${fault.url!} failed: ${String(error)}\n`);
  }
}
