import { stringify } from 'yaml';
import { exitCodes, type ExitCode } from '../exit-codes';
import { findBuild } from '../find-build';
import { describeBuild } from '../follow-build';
import { frame } from '../output/frame';
import { print } from '../output/print';
import { renderOutcome } from '../output/result';
import { colorsFor, labelled } from '../output/text';
import { specOf } from '../spec-of';
import { secondsOf } from '../view';
import { webUiUrl } from '../web-ui';
import { connected } from './connected';
import { type CommonOptions, uiPlace } from './options';

/** Shows everything about one build: where it is, what it made, how it ended, what it was asked. */
export async function show(id: string, options: CommonOptions & { region?: string }): Promise<ExitCode> {
  return connected(options, async (temporal) => {
    const { client } = temporal;
    const build = await describeBuild(client, await findBuild(client, id, options.region));
    const spec = await specOf(client, build.workflowId, build.runId);
    const webUi = webUiUrl(uiPlace(temporal, options), build);
    if (options.json === true) {
      print(JSON.stringify({ ...build, spec, ...(webUi ? { webUi } : {}) }, undefined, 2));
      return exitCodes.done;
    }
    const colors = colorsFor(process.stdout);
    const now = Date.now();
    const columns = process.stdout.isTTY ? process.stdout.columns : Infinity;
    print(...frame(build, { colors, columns, rows: Infinity, now }), '');
    if (build.outcome) {
      print(renderOutcome(build.outcome, { colors, region: build.region, seconds: secondsOf(build, now), webUi }), '');
    }
    const about: [string, string][] = [
      ['workflow', build.workflowId],
      ['run', build.runId],
      ['started', build.startedAt],
    ];
    if (build.endedAt !== undefined) about.push(['ended', build.endedAt]);
    if (webUi !== undefined && !build.outcome) about.push(['Web UI', webUi]);
    print(...labelled(about, colors), '', colors.dim('spec'), ...indented(stringify(spec)));
    return exitCodes.done;
  });
}

const indented = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`);
