import type { Decision, PipelineInput, Verdict } from '../../contract';
import type { Client } from '@temporalio/client';
import { exitCodes, type ExitCode } from '../exit-codes';
import { listFamily } from '../families';
import { findBuild } from '../find-build';
import type { BuildRun } from '../follow-build';
import { print, printError, printJson } from '../output/print';
import { renderRelease } from '../output/release';
import { outcomesTable } from '../output/releases-table';
import { colorsFor } from '../output/text';
import { approveRelease, listReleases, outcomesOf, rejectRelease, releaseOf } from '../releases';
import { sharedThatChange } from '../shared-images';
import { specOf } from '../spec-of';
import { userName } from '../start-release';
import { webUiUrl } from '../web-ui';
import { connected } from './connected';
import { follow } from './follow';
import { type CommonOptions, uiPlace } from './options';
import { lookBriefly, saySharesTaken } from './shares-taken';

interface DecideOptions extends CommonOptions {
  by?: string;
  reason?: string;
  detach?: boolean;
}

/** Approves the candidate that waits, and follows the release. */
export const approve = (id: string, options: DecideOptions): Promise<ExitCode> =>
  decide(id, options, async (client, run, verdict) => {
    await saySharesOf(client, run);
    return approveRelease(client, run, verdict);
  });

/** Says beforehand which images the promotion unshares, whoever shared them, in every region that the release is to reach. */
async function saySharesOf(client: Client, run: BuildRun): Promise<void> {
  const { workflowId, runId } = run;
  const look = () =>
    Promise.all([
      releaseOf(client, run),
      specOf(client, workflowId, runId) as Promise<PipelineInput>,
      client.workflow.getHandle(workflowId, runId).describe(),
    ]);
  const found = await lookBriefly(client, look).catch(() => undefined);
  const candidate = found?.[0].images.find(({ state }) => state === 'candidate');
  // To approve it will say why not.
  if (!found || !candidate) return;
  const [{ family, region }, { roleArn, distribute }, { taskQueue }] = found;
  await saySharesTaken(client, async () => {
    const shared = [region, ...(distribute?.regions ?? [])].map(async (where) => {
      const place = { region: where, ...(roleArn === undefined ? {} : { roleArn }) };
      const { images } = await listFamily(client, { ...place, family }, { taskQueue });
      const target = images.find(({ imageId }) => imageId === candidate.imageId);
      return sharedThatChange(client, place, images, target, { taskQueue });
    });
    return (await Promise.all(shared)).flat();
  });
}

/** Rejects the candidate that waits. */
export const reject = (id: string, options: DecideOptions): Promise<ExitCode> =>
  decide(id, { ...options, detach: true }, rejectRelease);

function decide(
  id: string,
  options: DecideOptions,
  send: (client: Client, run: BuildRun, verdict: Verdict) => Promise<Decision>,
): Promise<ExitCode> {
  return connected(options, async (temporal) => {
    const run = await findBuild(temporal.client, id);
    const { by = userName(), reason, json, detach } = options;
    const decision = await send(temporal.client, run, { by, ...(reason === undefined ? {} : { reason }) });
    if (json === true) printJson({ type: decision.verdict, workflowId: run.workflowId, ...decision });
    else print(`The candidate is ${decision.verdict} by ${decision.by}.`);
    if (detach === true) return exitCodes.done;
    if (json !== true) print('');
    return follow(temporal, run, options);
  });
}

interface ListOptions extends CommonOptions {
  region?: string;
  family?: string;
  limit: number;
}

/** Lists the runs of pipelines, with how each came out. */
export function listRuns(options: ListOptions): Promise<ExitCode> {
  return connected(options, async ({ client }) => {
    const { region, family, limit, json } = options;
    const runs = await listReleases(client, {
      limit,
      ...(region === undefined ? {} : { region }),
      ...(family === undefined ? {} : { family }),
    });
    const releases = await outcomesOf(client, runs);
    if (json === true) print(JSON.stringify(releases, undefined, 2));
    else if (releases.length === 0) printError('No pipeline has run.');
    else {
      const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
      print(...outcomesTable(releases, colorsFor(process.stdout), columns));
      if (releases.length === limit) printError(`The first ${limit}: there may be more (--limit).`);
    }
    return exitCodes.done;
  });
}

/** Shows the manifest of a release. */
export function showRelease(id: string, options: CommonOptions): Promise<ExitCode> {
  return connected(options, async (temporal) => {
    const run = await findBuild(temporal.client, id);
    const release = await releaseOf(temporal.client, run);
    if (options.json === true) {
      print(JSON.stringify(release, undefined, 2));
      return exitCodes.done;
    }
    const { workflowId, runId, startedAt, endedAt } = release;
    const seconds = endedAt === undefined ? undefined : (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
    const webUi = webUiUrl(uiPlace(temporal, options), { workflowId, runId });
    print(renderRelease(release, { colors: colorsFor(process.stdout), seconds, webUi }));
    return exitCodes.done;
  });
}
