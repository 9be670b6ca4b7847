import { CancelledFailure, Context } from '@temporalio/activity';
import type { BuildRef, Resource, ResourceFate, ResourceType } from '../../contract';
import type { Clouds } from '../cloud/cloud';
import { checkPlace } from '../allowed';
import type { ActivitySettings } from '../settings';
import { withFacts } from './failures';
import { type Lease, ServerLease } from './lease';
import { type Manner, StepRun } from './run';

/** What the activities of one worker share. */
export interface StepTools {
  clouds: Clouds;
  settings: ActivitySettings;
  /** How an attempt makes sure that it is the current one. Default: by asking the Temporal server. */
  lease?: (context: Context) => Lease;
}

interface StepInput {
  build: BuildRef;
}

/** An activity that waits to be given its tools. */
export type Step<Input extends StepInput, Output> = (tools: StepTools) => (input: Input) => Promise<Output>;

/**
 * Declares a step or an undo: what is particular to it. The engine sees to the heartbeat, the lease and the failures.
 *
 * @param manner how it takes failures; see {@link Manner}
 */
export function step<Input extends StepInput, Output>(
  manner: Manner,
  declaration: (run: StepRun, input: Input) => Promise<Output>,
): Step<Input, Output> {
  return (tools) => async (input) => {
    const context = Context.current();
    const { build } = input;
    const run = new StepRun(
      {
        cloud: tools.clouds.get(build.region, build.roleArn),
        cloudIn: (region) => tools.clouds.get(region, build.roleArn),
        settings: tools.settings,
        lease: tools.lease?.(context) ?? new ServerLease(context),
      },
      build,
      manner,
    );
    return whileBeating(
      () => run.progress(),
      async () => {
        try {
          await checkPlace(run, manner);
          return await declaration(run, input);
        } catch (error) {
          // Whoever cancels it may want to say what it was waiting for.
          if (error instanceof CancelledFailure) throw new CancelledFailure(error.message, [run.progress()], error);
          throw withFacts(error, run.facts);
        }
      },
    );
  };
}

/** Resources with what became of them, for what an undo answers. */
export const listed = (type: ResourceType, ids: string[], fate: ResourceFate, note?: string): Resource[] =>
  ids.map((id) => ({ type, id, fate, ...(note === undefined ? {} : { note }) }));

/** Note of what no longer carries the tag of the build, and was therefore left alone. */
export const noLongerOurs = 'no longer tagged as of this build: left alone';

/** Heartbeats meanwhile: it says that this process is alive, and is how a cancellation arrives, however long a call takes. */
export async function whileBeating<T>(details: () => unknown, work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(details()), (context.info.heartbeatTimeoutMs ?? 20_000) / 8);
  context.heartbeat(details());
  try {
    return await work();
  } finally {
    clearInterval(beat);
  }
}
