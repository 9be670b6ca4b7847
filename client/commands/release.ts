import type { Decision, PipelineInput, Verdict } from '../../contract';
import type { Client } from '@temporalio/client';
import { exitCodes, type ExitCode } from '../exit-codes';
import { findBuild } from '../find-build';
import type { BuildRun } from '../follow-build';
import { print, printError, printJson } from '../output/print';
import { renderRelease } from '../output/release';
import { outcomesTable } from '../output/releases-table';
import { colorsFor } from '../output/text';
import { approveRelease, listReleases, outcomesOf, rejectRelease, releaseOf } from '../releases';
import { specOf } from '../spec-of';
import { userName } from '../start-release';
import { webUiUrl } from '../web-ui';
import { connected } from './connected';
import { follow } from './follow';
import { type CommonOptions, uiPlace } from './options';

interface DecideOptions extends CommonOptions {
  by?: string;
  reason?: string;
  detach?: boolean;
}

/** Approves the candidate that waits, and follows the release. */
export const approve = (id: string, options: DecideOptions): Promise<ExitCode> =>
  decide(id, options, async (client, run, verdict) => {
    await saySharesTaken(client, run);
    return approveRelease(client, run, verdict);
  });

/** How long what is only said beforehand may be looked for, in milliseconds. */
const lookMs = 15_000;

/** Says beforehand what the promotion means for those who use the image that is current now. Not to know it keeps nobody from approving. */
async function saySharesTaken(client: Client, { workflowId, runId }: BuildRun): Promise<void> {
  const look = () => specOf(client, workflowId, runId);
  const pipeline = await client.withDeadline(Date.now() + lookMs, look).catch(() => undefined);
  const { distribute } = (pipeline ?? {}) as Partial<PipelineInput>;
  if ((distribute?.accounts ?? []).length === 0) return;
  printError(
    'The pipeline shares its images. A shared image takes no changes: the one that is current now is unshared, changed, and shared again.',
  );
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
