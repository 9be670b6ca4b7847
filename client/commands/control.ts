import type { Client } from '@temporalio/client';
import { duration, type Extension, formatSeconds, type ReleaseExtension } from '../../contract';
import { extendDeadline, extendRelease, pauseBuild, resumeBuild, retryBuild } from '../control-build';
import { ClientError } from '../errors';
import { exitCodes, type ExitCode } from '../exit-codes';
import { findBuild } from '../find-build';
import type { BuildRun } from '../follow-build';
import { kindOfId, nouns } from '../outcome';
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

/** Puts a deadline of a build off, or the one until which a release is held or waits for its approval. */
export function extend(id: string, options: Options & { by: string; of?: string }): Promise<ExitCode> {
  const { by, of } = options;
  const parsed = duration(1).safeParse(/^\d+$/.test(by) ? Number(by) : by);
  if (!parsed.success) throw new ClientError(`--by: ${parsed.error.issues[0]!.message} (found "${by}")`);
  const seconds = parsed.data;
  return onBuild(id, options, async ({ client }, run) => {
    const { workflowId } = run;
    const kind = kindOfId(workflowId);
    if (kind === 'launch' || kind === 'delete') {
      throw new ClientError(`A ${nouns[kind]} has no deadline that can be put off: ${workflowId}`);
    }
    // Which deadlines there are is for the build or the release to say.
    const extended: { of: string; until?: string } =
      kind === 'release'
        ? await extendRelease(client, run, { of: of as ReleaseExtension['of'], seconds })
        : await extendBuild(client, run, { of: (of ?? 'build') as NonNullable<Extension['of']>, seconds });
    if (options.json === true) printJson({ type: 'extended', workflowId, ...extended, seconds });
    else {
      const until = extended.until === undefined ? '' : `: ${extended.until}`;
      print(`The deadline of ${extended.of} is ${formatSeconds(seconds)} later${until}.`);
    }
    return exitCodes.done;
  });
}

async function extendBuild(
  client: Client,
  run: BuildRun,
  extension: Extension & { of: string },
): Promise<{ of: string }> {
  await extendDeadline(client, run, extension);
  return { of: extension.of };
}

function onBuild(
  id: string,
  options: Options,
  verb: (temporal: Connected, run: BuildRun) => Promise<ExitCode>,
): Promise<ExitCode> {
  return connected(options, async (temporal) => verb(temporal, await findBuild(temporal.client, id, options.region)));
}
