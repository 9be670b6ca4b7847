import { exitCodes, type ExitCode } from '../exit-codes';
import { findBuild } from '../find-build';
import { describeBuild } from '../follow-build';
import { ClientError } from '../errors';
import { print, printJson } from '../output/print';
import { connected } from './connected';
import { follow } from './follow';
import type { CommonOptions } from './options';

const titles = { build: 'Build', launch: 'Launch', delete: 'Deletion', release: 'Release' };
const outlook = {
  build: 'It starts the source again and undoes what it made.',
  launch: 'It undoes what it made.',
  delete: 'What is deleted is gone; nothing more is deleted.',
  release: 'What is current stays current; an image that is not promoted yet is rejected.',
};

/**
 * Asks a build to stop and to undo what it made. With `wait`, ends with 0 once it has ended as cancelled, and with 1 when
 * it ended in another way: here being cancelled is what was asked for.
 */
export async function cancel(
  id: string,
  options: CommonOptions & { region?: string; wait?: boolean },
): Promise<ExitCode> {
  return connected(options, async (temporal) => {
    const { client } = temporal;
    const { kind, workflowId, runId, buildId, status } = await describeBuild(
      client,
      await findBuild(client, id, options.region),
    );
    if (status !== 'running')
      throw new ClientError(`${titles[kind ?? 'build']} ${buildId} is over already (${status}).`);
    await client.workflow.getHandle(workflowId, runId).cancel();
    if (options.json === true) printJson({ type: 'cancel-requested', workflowId, runId, buildId });
    else print(`${titles[kind ?? 'build']} ${buildId} is asked to stop. ${outlook[kind ?? 'build']}`);
    if (options.wait !== true) {
      if (options.json !== true) print(`Watch it with: cvm-image watch ${workflowId}`);
      return exitCodes.done;
    }
    const ended = await follow(temporal, { workflowId, runId }, options);
    if (ended === exitCodes.cancelled) return exitCodes.done;
    // Done with 0 means either that the user left, or that the image was there before the build could be stopped.
    const { status: end } = await describeBuild(client, { workflowId, runId });
    return end === 'running' ? exitCodes.done : exitCodes.buildFailed;
  });
}
