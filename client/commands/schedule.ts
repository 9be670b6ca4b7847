import { setTimeout as wait } from 'node:timers/promises';
import type { PipelineInput } from '../../contract';
import type { Connected } from '../connect';
import { describeRun } from '../describe-run';
import { ClientError, ConflictError } from '../errors';
import { exitCodes, type ExitCode } from '../exit-codes';
import { type Blocking, blocking, listSchedules, scheduleState, skippedFor } from '../list-schedules';
import { print, printError } from '../output/print';
import { renderChanges, renderSchedule, schedulesTable } from '../output/schedules';
import { colorsFor } from '../output/text';
import {
  type Applied,
  applyPipeline,
  backfillSchedule,
  createPipelineSchedule,
  deleteSchedule,
  diffPipeline,
  pauseSchedule,
  type PipelineSchedule,
  resumeSchedule,
  scheduleIdFrom,
  triggerSchedule,
  updatePipelineSchedule,
  wantedSchedule,
} from '../schedules';
import { loadPipeline } from '../spec-input';
import { userName } from '../start-release';
import { connected } from './connected';
import { follow } from './follow';
import { type CommonOptions, numberOrText } from './options';

/** Flags that take the place of what the pipeline's file says of its schedule. */
interface TimeFlags {
  cron?: string[];
  every?: string;
  timeZone?: string;
  jitter?: string;
  overlap?: string;
  catchUp?: string;
  pauseAfter?: string;
}

interface FileOptions extends CommonOptions, TimeFlags {
  file: string;
  taskQueue?: string;
  paused?: boolean;
}

/** @throws {SpecError} before anything is asked of Temporal */
function wantedOf(options: FileOptions): PipelineSchedule {
  const { file, taskQueue } = options;
  const pipeline = loadPipeline(file);
  return wantedSchedule(withTimes(pipeline, options), taskQueue === undefined ? {} : { taskQueue });
}

/** Flags override the file's fields; `--cron` and `--every` take each other's place. */
function withTimes(pipeline: PipelineInput, flags: TimeFlags): PipelineInput {
  const { cron, every, timeZone, jitter, overlap, catchUp, pauseAfter } = flags;
  const given = {
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(jitter === undefined ? {} : { jitter: numberOrText(jitter) }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(catchUp === undefined ? {} : { catchUp: numberOrText(catchUp) }),
    ...(pauseAfter === undefined ? {} : { pauseAfter: Number(pauseAfter) }),
  };
  const { cron: oldCron, every: oldEvery, ...rest } = (pipeline.schedule ?? {}) as Record<string, unknown>;
  const old = {
    ...(oldCron === undefined ? {} : { cron: oldCron }),
    ...(oldEvery === undefined ? {} : { every: oldEvery }),
  };
  const times = cron ? { cron } : every !== undefined ? { every: numberOrText(every) } : old;
  const schedule = { ...rest, ...given, ...times };
  if (Object.keys(schedule).length === 0) return pipeline;
  return { ...pipeline, schedule } as PipelineInput;
}

type Put = (client: Connected['client'], wanted: PipelineSchedule) => Promise<Applied>;

function put(options: FileOptions, work: Put): Promise<ExitCode> {
  const wanted = wantedOf(options);
  return connected(options, async ({ client }) => {
    const done = await work(client, wanted);
    const { scheduleId, outcome, changes, nextAt } = done;
    if (options.json === true) print(JSON.stringify(done, undefined, 2));
    else {
      if (outcome === 'updated') print(...renderChanges(changes, colorsFor(process.stdout)), '');
      const next = nextAt === undefined ? 'It is paused.' : `The next run is due at ${nextAt}.`;
      print(outcome === 'unchanged' ? `Nothing has changed. ${next}` : `Schedule ${scheduleId} is ${outcome}. ${next}`);
    }
    return exitCodes.done;
  });
}

/** Sets up the schedule of a pipeline, or brings the one that is there in line with the file. */
export const apply = (options: FileOptions) => put(options, applyPipeline);
/** Sets up the schedule of a pipeline that has none. */
export const create = (options: FileOptions) =>
  put(options, (client, wanted) => createPipelineSchedule(client, wanted, { paused: options.paused === true }));
/** Changes the schedule that is there. */
export const update = (options: FileOptions) => put(options, updatePipelineSchedule);

/** Says what applying a pipeline would change; ends with 1 when something would. */
export function diff(options: FileOptions): Promise<ExitCode> {
  const wanted = wantedOf(options);
  return connected(options, async ({ client }) => {
    const found = await diffPipeline(client, wanted);
    const { exists, changes, scheduleId } = found;
    if (options.json === true) print(JSON.stringify(found, undefined, 2));
    else if (!exists) print(`There is no schedule ${scheduleId} yet: applying the pipeline creates it.`);
    else if (changes.length === 0) print('Nothing would change.');
    else print(...renderChanges(changes, colorsFor(process.stdout)));
    return exists && changes.length === 0 ? exitCodes.done : exitCodes.buildFailed;
  });
}

/** Lists the schedules, with the next run, how the last one ended, and what is in the way. */
export function list(options: CommonOptions & { region?: string }): Promise<ExitCode> {
  return connected(options, async ({ client }) => {
    const { region, json } = options;
    const schedules = await listSchedules(client, region === undefined ? {} : { region });
    const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
    if (json === true) print(JSON.stringify(schedules, undefined, 2));
    else if (schedules.length === 0) printError('There are no schedules.');
    else print(...schedulesTable(schedules, colorsFor(process.stdout), columns));
    return exitCodes.done;
  });
}

export function show(id: string, options: CommonOptions): Promise<ExitCode> {
  return connected(options, async ({ client }) => {
    const state = await scheduleState(client, scheduleIdFrom(id));
    if (options.json === true) print(JSON.stringify(state, undefined, 2));
    else print(...renderSchedule(state, colorsFor(process.stdout)));
    return exitCodes.done;
  });
}

type NoteOptions = CommonOptions & { note?: string };

export const pause = (id: string, options: NoteOptions) =>
  change(id, options, (client, scheduleId) =>
    pauseSchedule(client, scheduleId, options.note ?? `Paused by ${userName()}`).then(() => 'paused'),
  );
export const resume = (id: string, options: NoteOptions) =>
  change(id, options, (client, scheduleId) =>
    resumeSchedule(client, scheduleId, options.note ?? `Resumed by ${userName()}`).then(() => 'resumed'),
  );
export const remove = (id: string, options: CommonOptions) =>
  change(id, options, (client, scheduleId) => deleteSchedule(client, scheduleId).then(() => 'deleted'));

function change(
  id: string,
  options: CommonOptions,
  work: (client: Connected['client'], scheduleId: string) => Promise<string>,
): Promise<ExitCode> {
  return connected(options, async ({ client }) => {
    const scheduleId = scheduleIdFrom(id);
    const outcome = await work(client, scheduleId);
    if (options.json === true) print(JSON.stringify({ scheduleId, outcome }));
    else print(`Schedule ${scheduleId} is ${outcome}.`);
    return exitCodes.done;
  });
}

/** How long a run that was asked for may take to show. */
const showMilliseconds = 20_000;

/** Has the schedule start a run now, and follows it. While a run is at work there is none, which is said. */
export function trigger(id: string, options: CommonOptions & { detach?: boolean }): Promise<ExitCode> {
  return connected(options, async (temporal) => {
    const { client } = temporal;
    const scheduleId = scheduleIdFrom(id);
    const { json, detach } = options;
    const busy = await blocking(client, scheduleId);
    if (busy) throw atWork(busy);
    const { wanted } = await scheduleState(client, scheduleId);
    const before = await describeRun(client, scheduleId);
    await triggerSchedule(client, scheduleId);
    const started = await untilStarted(client, scheduleId, before?.runId);
    if (!started) throw new ClientError(`No run has begun. Does a worker poll ${wanted.taskQueue}?`);
    const { workflowId, runId } = started;
    if (json === true) print(JSON.stringify({ type: 'started', scheduleId, workflowId, runId }));
    else print(`A run of ${scheduleId} is started.`);
    if (detach === true) return exitCodes.done;
    if (json !== true) print('');
    return follow(temporal, { workflowId, runId }, options);
  });
}

/** @returns the run that has begun since `before` did, which may be over already */
async function untilStarted(
  client: Connected['client'],
  workflowId: string,
  before: string | undefined,
): Promise<{ workflowId: string; runId: string } | undefined> {
  const giveUp = Date.now() + showMilliseconds;
  while (Date.now() < giveUp) {
    const run = await describeRun(client, workflowId);
    if (run && run.runId !== before) return { workflowId, runId: run.runId };
    await wait(200);
  }
  return undefined;
}

const atWork = (run: Blocking, soWhat = 'Nothing was started.') =>
  new ConflictError(
    [
      `A run of ${run.workflowId} is at work since ${run.startedAt} (${run.phase}). ${soWhat}`,
      `Look at it with: cvm-image show ${run.workflowId}`,
    ].join('\n'),
    run,
  );

interface BackfillOptions extends CommonOptions {
  from: string;
  to: string;
}

/**
 * Has the schedule take times that have passed, one run after the other. A run of the schedule itself is waited for; one that was
 * started by hand would have them skipped.
 */
export function backfill(id: string, options: BackfillOptions): Promise<ExitCode> {
  const [from, to] = [momentOf('--from', options.from), momentOf('--to', options.to)];
  if (from > to) throw new ClientError('--from comes after --to');
  return connected(options, async ({ client }) => {
    const scheduleId = scheduleIdFrom(id);
    const busy = await skippedFor(client, scheduleId);
    if (busy) throw atWork(busy, 'It was started by hand, and the times would be skipped: nothing was asked for.');
    await backfillSchedule(client, scheduleId, from, to);
    if (options.json === true) print(JSON.stringify({ scheduleId, from: from.toISOString(), to: to.toISOString() }));
    else {
      print(
        `The times of ${scheduleId} from ${from.toISOString()} to ${to.toISOString()} are made good, one after the other.`,
      );
      print(`Watch them with: cvm-image schedule list`);
    }
    return exitCodes.done;
  });
}

function momentOf(flag: string, text: string): Date {
  const moment = new Date(text);
  if (!Number.isNaN(moment.getTime())) return moment;
  throw new ClientError(
    `${flag}: expected a date or time such as 2026-11-20 (midnight in UTC) or 2026-11-20T02:00:00+08:00 (found "${text}")`,
  );
}
