import { setTimeout as wait } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import { duration, type SweepReport, sweepQuery, sweepWorkflowType } from '../../contract';
import { missed, NoWorkerError } from '../ask-worker';
import type { Connected } from '../connect';
import { ClientError } from '../errors';
import { exitCodes, type ExitCode } from '../exit-codes';
import { print } from '../output/print';
import { sweepLine, sweepTable, sweepVerdict } from '../output/sweep';
import { colorsFor } from '../output/text';
import { lookForLeftovers, scheduleSweep, type StartedSweep, startSweep, unscheduleSweep } from '../sweep';
import { webUiUrl } from '../web-ui';
import { connected } from './connected';
import { type ImageOptions, numberOrText, uiPlace } from './options';

interface SweepOptions extends ImageOptions {
  apply?: boolean;
  every?: string;
  grace?: string;
}

/** Shows what builds left that did not live to their end; with `--apply` puts it right, with `--every` again and again. */
export async function sweep(options: SweepOptions): Promise<ExitCode> {
  const { every, apply } = options;
  const everySeconds = every === undefined || every === 'off' ? undefined : secondsOf('--every', every, 60);
  return connected(options, (temporal) => {
    if (every === 'off') return unschedule(temporal, options);
    if (everySeconds !== undefined) return schedule(temporal, options, everySeconds);
    return apply === true ? act(temporal, options) : look(temporal, options);
  });
}

const inputOf = ({ region, roleArn, grace }: SweepOptions) => ({
  region,
  ...(grace === undefined ? {} : { grace: secondsOf('--grace', grace, 0) }),
  ...(roleArn === undefined ? {} : { roleArn }),
});

const queueOf = ({ taskQueue }: SweepOptions) => (taskQueue === undefined ? {} : { taskQueue });

async function look({ client }: Connected, options: SweepOptions): Promise<ExitCode> {
  show(await lookForLeftovers(client, inputOf(options), queueOf(options)), options);
  return exitCodes.done;
}

function show(report: SweepReport, { json }: SweepOptions, more: Record<string, unknown> = {}): void {
  if (json === true) {
    print(JSON.stringify({ ...more, ...report }, undefined, 2));
    return;
  }
  const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
  if (report.leftovers.length > 0) print(...sweepTable(report, colorsFor(process.stdout), Date.now(), columns), '');
  print(...sweepVerdict(report));
}

async function act(temporal: Connected, options: SweepOptions): Promise<ExitCode> {
  const started = await startSweep(temporal.client, inputOf(options), queueOf(options));
  const webUi = webUiUrl(uiPlace(temporal, options), started);
  if (options.json !== true) {
    print(`The sweep of ${options.region} is started.`, `Workflow ${started.workflowId}`);
    print(...(webUi ? [`Web UI   ${webUi}`] : []), '');
  }
  const report = await resultOf(temporal, started, options);
  if (!report) {
    if (options.json !== true) print('', 'The sweep goes on. The same command joins it.');
    return exitCodes.done;
  }
  const { workflowId, runId } = started;
  show(report, options, { workflowId, runId });
  return report.leftovers.some(({ outcome }) => outcome === 'left') ? exitCodes.buildFailed : exitCodes.done;
}

/** @throws {ClientError} for what is no duration, or too short */
function secondsOf(flag: string, text: string, minimum: number): number {
  const parsed = duration(minimum).safeParse(numberOrText(text));
  if (!parsed.success) throw new ClientError(`${flag}: ${parsed.error.issues[0]!.message} (found "${text}")`);
  return parsed.data;
}

/** Waits for its end, and says what has been put right meanwhile. Undefined after Ctrl-C: the sweep goes on. */
async function resultOf(
  { client }: Connected,
  { workflowId, runId, taskQueue }: StartedSweep,
  { json }: SweepOptions,
): Promise<SweepReport | undefined> {
  const handle = client.workflow.getHandle(workflowId, runId);
  const over = new AbortController();
  const leave = () => over.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, leave);
  const left = new Promise<undefined>((resolve) => {
    over.signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const result = handle.result() as Promise<SweepReport>;
  const telling =
    json === true
      ? undefined
      : tell(() => client.withAbortSignal(over.signal, () => handle.query(sweepQuery)), over.signal);
  try {
    return await Promise.race([result, missed(handle, sweepWorkflowType, taskQueue, over.signal), left]);
  } catch (error) {
    if (error instanceof NoWorkerError) throw new NoWorkerError(`${error.message} The sweep waits for it.`);
    if (!(error instanceof WorkflowFailedError)) throw error;
    throw new ClientError(`The sweep failed: ${error.cause?.message ?? error.message}`, exitCodes.buildFailed);
  } finally {
    over.abort();
    for (const signal of signals) process.off(signal, leave);
    result.catch(() => undefined);
    await telling;
  }
}

/** Says of each leftover once what came of it. */
async function tell(ask: () => Promise<SweepReport | undefined>, signal: AbortSignal): Promise<void> {
  const said = new Set<string>();
  while (!signal.aborted) {
    await wait(1000, undefined, { signal }).catch(() => undefined);
    // Answered by a worker, which may be away for a moment. The table at the end has it all.
    const report = await ask().catch(() => undefined);
    for (const one of report?.leftovers ?? []) {
      if (one.outcome === undefined || said.has(one.id)) continue;
      said.add(one.id);
      print(sweepLine(one));
    }
  }
}

async function schedule(temporal: Connected, options: SweepOptions, everySeconds: number): Promise<ExitCode> {
  const { scheduleId, changed, nextAt } = await scheduleSweep(
    temporal.client,
    inputOf(options),
    everySeconds,
    queueOf(options),
  );
  if (options.json === true) print(JSON.stringify({ scheduleId, everySeconds, changed, nextAt }));
  else {
    print(
      `${options.region} is swept every ${options.every!}${nextAt === undefined ? '' : `, the next time at ${nextAt}`}.`,
    );
    print(`Schedule ${scheduleId}${changed ? ', changed' : ''}. Remove it with: --every off`);
  }
  return exitCodes.done;
}

async function unschedule({ client }: Connected, { region, json }: SweepOptions): Promise<ExitCode> {
  const removed = await unscheduleSweep(client, region);
  if (json === true) print(JSON.stringify({ removed }));
  else print(removed ? `${region} is no longer swept by a schedule.` : `${region} has no schedule of sweeps.`);
  return exitCodes.done;
}
