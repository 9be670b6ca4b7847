import { duration, type Extension, formatSeconds } from '../../contract';
import { extendDeadline, pauseBuild, resumeBuild, retryBuild } from '../control-build';
import { ClientError } from '../errors';
import { exitCodes, type ExitCode } from '../exit-codes';
import { findBuild } from '../find-build';
import type { BuildRun } from '../follow-build';
import { print, printJson } from '../output/print';
import { amendmentOf, type FlagValues } from '../spec-input';
import type { Connected } from '../connect';
import { connected } from './connected';
import { follow } from './follow';
import type { CommonOptions } from './options';

interface Options extends CommonOptions {
  region?: string;
}

/** Has the failed step of a held build tried again, and follows the build. */
export function retry(id: string, options: Options & FlagValues & { detach?: boolean }): Promise<ExitCode> {
  const amendment = amendmentOf(options);
  return onBuild(id, options, async (temporal, run) => {
    const answer = await retryBuild(temporal.client, run, amendment);
    if (options.json === true) printJson({ type: 'retried', workflowId: run.workflowId, ...answer });
    else {
      print(`The build goes on with ${answer.from}.`);
      if (answer.secondDownTime) print('The source is shut down once more for it: a second down-time.');
    }
    if (options.detach === true) return exitCodes.done;
    if (options.json !== true) print('');
    return follow(temporal, run, options);
  });
}

/** Pauses a build at the next place where its source is up. */
export function pause(id: string, options: Options & { reason?: string }): Promise<ExitCode> {
  return onBuild(id, options, async ({ client }, run) => {
    const { before } = await pauseBuild(client, run, options.reason);
    if (options.json === true) printJson({ type: 'paused', workflowId: run.workflowId, before });
    else print(`The build will pause before ${before}.`, `Let it go on with: cvm-image resume ${run.workflowId}`);
    return exitCodes.done;
  });
}

/** Lets a paused build go on. */
export function resume(id: string, options: Options): Promise<ExitCode> {
  return onBuild(id, options, async ({ client }, run) => {
    await resumeBuild(client, run);
    if (options.json === true) printJson({ type: 'resumed', workflowId: run.workflowId });
    else print('The build goes on.', `Watch it with: cvm-image watch ${run.workflowId}`);
    return exitCodes.done;
  });
}

/** Puts a deadline of a build off. */
export function extend(id: string, options: Options & { by: string; of?: string }): Promise<ExitCode> {
  const { by, of = 'build' } = options;
  const parsed = duration(1).safeParse(/^\d+$/.test(by) ? Number(by) : by);
  if (!parsed.success) throw new ClientError(`--by: ${parsed.error.issues[0]!.message} (found "${by}")`);
  const seconds = parsed.data;
  return onBuild(id, options, async ({ client }, run) => {
    // Which deadlines there are is for the build to say.
    await extendDeadline(client, run, { of: of as NonNullable<Extension['of']>, seconds });
    if (options.json === true) printJson({ type: 'extended', workflowId: run.workflowId, of, seconds });
    else print(`The deadline of ${of} is ${formatSeconds(seconds)} later.`);
    return exitCodes.done;
  });
}

function onBuild(
  id: string,
  options: Options,
  verb: (temporal: Connected, run: BuildRun) => Promise<ExitCode>,
): Promise<ExitCode> {
  return connected(options, async (temporal) => verb(temporal, await findBuild(temporal.client, id, options.region)));
}
