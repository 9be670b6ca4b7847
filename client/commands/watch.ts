import type { ExitCode } from '../exit-codes';
import { findBuild } from '../find-build';
import { connected } from './connected';
import { follow } from './follow';
import type { CommonOptions } from './options';

/** Follows a build until its end; of one that is over, shows the end. */
export async function watch(id: string, options: CommonOptions & { region?: string }): Promise<ExitCode> {
  return connected(options, async (temporal) =>
    follow(temporal, await findBuild(temporal.client, id, options.region), options),
  );
}
