import { ClientError } from '../errors';
import { exitCodes, type ExitCode } from '../exit-codes';
import { findBuild } from '../find-build';
import { describeBuild } from '../follow-build';
import { print, printJson } from '../output/print';
import { webUiUrl } from '../web-ui';
import { connected } from './connected';
import { type CommonOptions, uiPlace } from './options';

/** Prints the address of a build in the Temporal Web UI. */
export async function open(id: string, options: CommonOptions & { region?: string }): Promise<ExitCode> {
  return connected(options, async (temporal) => {
    const build = await describeBuild(temporal.client, await findBuild(temporal.client, id, options.region));
    const webUi = webUiUrl(uiPlace(temporal, options), build);
    if (webUi === undefined) {
      throw new ClientError(
        `Where is the Web UI of Temporal at ${temporal.address}? Say so with TEMPORAL_UI_URL or --ui-url, such as https://temporal.example.com`,
      );
    }
    const { workflowId, runId, buildId } = build;
    if (options.json === true) printJson({ webUi, workflowId, runId, buildId });
    else print(webUi);
    return exitCodes.done;
  });
}
