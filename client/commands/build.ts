import { exitCodes, type ExitCode } from '../exit-codes';
import { print, printJson } from '../output/print';
import { type FlagValues, loadSpec } from '../spec-input';
import { startBuild } from '../start-build';
import { webUiUrl } from '../web-ui';
import { connected } from './connected';
import { follow } from './follow';
import { type CommonOptions, uiPlace } from './options';

interface BuildOptions extends CommonOptions {
  spec?: string;
  detach?: boolean;
  plan?: boolean;
  taskQueue?: string;
}

/** Starts a build, or joins the same one that is running, and follows it; with `plan`, only says what it would do. */
export async function build(options: BuildOptions & FlagValues): Promise<ExitCode> {
  // Before anything else: a wrong spec is told without Temporal, too.
  const spec = loadSpec(options.spec, options);
  if (options.plan === true) return (await import('./plan.js')).plan(spec, options);
  return connected(options, async (temporal) => {
    const { taskQueue, json, detach } = options;
    const started = await startBuild(temporal.client, spec, taskQueue === undefined ? {} : { taskQueue });
    const { workflowId, runId, buildId, joined, undoing } = started;
    const webUi = webUiUrl(uiPlace(temporal, options), started);
    if (json === true) {
      const place = { taskQueue: started.taskQueue, ...(webUi ? { webUi } : {}) };
      printJson({ type: 'started', workflowId, runId, buildId, joined, undoing, ...place });
    } else {
      print(`Build ${buildId} ${joined ? 'was running already with the same spec: joined it.' : 'is started.'}`);
      if (undoing) print('It is being undone, so that no image will come of it: build again when it is over.');
      print(`Workflow ${workflowId}`);
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
