import { checkPipeline, longestName, pipelineName } from '../../contract';
import { exitCodes, type ExitCode } from '../exit-codes';
import { print, printJson } from '../output/print';
import { loadPipeline } from '../spec-input';
import { startRelease } from '../start-release';
import { webUiUrl } from '../web-ui';
import { connected } from './connected';
import { follow } from './follow';
import { type CommonOptions, uiPlace } from './options';

/** Says whether a pipeline is in order; a wrong one ends with all that is wrong. */
export function validate({ file, json }: { file: string; json?: boolean }): ExitCode {
  const check = checkPipeline(loadPipeline(file));
  // What is wrong has been thrown with its place in the file.
  if (!check.ok) return exitCodes.wrongUse;
  const { spec } = check;
  if (json === true) print(JSON.stringify(spec, undefined, 2));
  else {
    const name = longestName(spec.image.name, spec.family);
    print(`Pipeline ${pipelineName(spec)} of family ${spec.family} in ${spec.region} is in order.`);
    print(`Its images will have names such as ${name.replace(/9+$/, '1')}.`);
  }
  return exitCodes.done;
}

interface RunOptions extends CommonOptions {
  file: string;
  detach?: boolean;
  by?: string;
  force?: boolean;
  taskQueue?: string;
}

/** Starts a run of a pipeline, and follows it. */
export async function run(options: RunOptions): Promise<ExitCode> {
  // Before anything else: a wrong pipeline is told without Temporal, too.
  const pipeline = loadPipeline(options.file);
  return connected(options, async (temporal) => {
    const { taskQueue, json, detach, by, force } = options;
    const request = { ...(by === undefined ? {} : { by }), ...(force === true ? { force } : {}) };
    const queue = taskQueue === undefined ? {} : { taskQueue };
    const started = await startRelease(temporal.client, pipeline, request, queue);
    const { workflowId, runId, buildId } = started;
    const webUi = webUiUrl(uiPlace(temporal, options), started);
    if (json === true) {
      const place = { taskQueue: started.taskQueue, ...(webUi ? { webUi } : {}) };
      printJson({ type: 'started', workflowId, runId, buildId, joined: false, ...place });
    } else {
      print(`Release ${buildId} is started.`, `Workflow ${workflowId}`);
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
