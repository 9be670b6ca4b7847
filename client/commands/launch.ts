import { ownBuild } from '../../contract';
import { exitCodes, type ExitCode } from '../exit-codes';
import { print, printJson } from '../output/print';
import { type FlagValues, loadLaunchSpec } from '../spec-input';
import { startLaunch } from '../start-launch';
import { webUiUrl } from '../web-ui';
import { connected } from './connected';
import { follow } from './follow';
import { type CommonOptions, uiPlace } from './options';

interface LaunchOptions extends CommonOptions {
  spec?: string;
  detach?: boolean;
  taskQueue?: string;
  /** True when it was given without an ID. */
  build?: string | true;
}

/** Launches an instance from an image, and follows the launch. */
export async function launch(image: string | undefined, options: LaunchOptions & FlagValues): Promise<ExitCode> {
  // Before anything else: a wrong spec is told without Temporal, too.
  const flags: FlagValues = options.build === true ? { ...options, build: ownBuild } : options;
  const spec = loadLaunchSpec(image, options.spec, flags);
  return connected(options, async (temporal) => {
    const { taskQueue, json, detach } = options;
    const started = await startLaunch(temporal.client, spec, taskQueue === undefined ? {} : { taskQueue });
    const { workflowId, runId, buildId } = started;
    const webUi = webUiUrl(uiPlace(temporal, options), started);
    if (json === true) {
      const place = { taskQueue: started.taskQueue, ...(webUi ? { webUi } : {}) };
      printJson({ type: 'started', workflowId, runId, buildId, joined: false, ...place });
    } else {
      print(`Launch ${buildId} is started.`, `Workflow ${workflowId}`);
      if (webUi) print(`Web UI   ${webUi}`);
    }
    if (detach !== true) {
      if (json !== true) print('');
      return follow(temporal, { workflowId, runId }, options);
    }
    if (json !== true) print(`Watch it with: cvm-image watch ${workflowId}`);
    return exitCodes.done;
  });
}
