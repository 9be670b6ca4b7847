import { DeterminismViolationError } from '@temporalio/workflow';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { bundlePath, quietLogs } from '../../support/bare-worker';
import { forWorkers, withEmptyMap } from './bundles';
import type { Play } from './play';
import type { Act, Moment } from './scenario';
import type { WorkerProcess } from './worker';

/** Workflow code that a worker may run: of a released version, of this one, or of one that changes the order of steps. */
export type Code = 'this' | 'changed' | `${number}.${number}.${number}`;

const kept = path.resolve(__dirname, '../../../../test/bundles');
/** The released versions whose workflows are kept. */
export const releases = readdirSync(kept).map((file) => file.replace('.js.br', '') as Code);
if (releases.length === 0) throw new Error(`${kept} has no workflows of released versions`);

const made = new Map<Code, Promise<string>>();

/** The file of a workflow bundle, made when it is first asked for. */
function bundleOf(code: Code): Promise<string> {
  if (code === 'this') return Promise.resolve(bundlePath);
  const making =
    made.get(code) ?? (code === 'changed' ? changed() : released(code)).then((text) => forWorkers(`${code}.js`, text));
  made.set(code, making);
  return making;
}

async function changed(): Promise<string> {
  const workflowsPath = path.resolve(__dirname, '../../replay/changed-build.js');
  return (await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') })).code;
}

function released(version: string): Promise<string> {
  const code = brotliDecompressSync(readFileSync(path.join(kept, `${version}.js.br`))).toString();
  return Promise.resolve(withEmptyMap(code));
}

async function start(play: Play, code: Code): Promise<WorkerProcess> {
  const worker = await play.site.startWorker(play.server, play.taskQueue, { bundle: await bundleOf(code) });
  play.workers.push(worker);
  return worker;
}

/** The first worker of a scenario, with this code. */
export const begin = (code: Code): Act => ({ name: `begin with ${code}`, do: (play) => start(play, code) });

/** The worker is stopped, and lets go of what it is doing; then another one with other code is started. */
export const handOver = (code: Code): Act => ({
  name: `hand over to ${code}`,
  do: (play) => {
    const gone = play.workers.splice(0).map((worker) => worker.drain());
    return Promise.resolve(async () => {
      await Promise.all(gone);
      await start(play, code);
    });
  },
});

/** As soon as Temporal says that the code does not go with the history. */
export const whenItDoesNotFit: Moment = {
  called: 'once the code does not go with the history',
  once: async (play) => {
    const { events } = await play.handle.fetchHistory();
    return (events ?? []).some(({ workflowTaskFailedEventAttributes: failed }) =>
      /TMPRL1100|Nondeterminism/.test(failed?.failure?.message ?? ''),
    );
  },
};

/** The last workflow task was done by the worker that there is now, and the first one by another. */
export async function endedByAnother(play: Play): Promise<void> {
  const { events } = await play.handle.fetchHistory();
  const workers = (events ?? []).flatMap(({ workflowTaskCompletedEventAttributes: task }) => task?.identity ?? []);
  const [last] = play.workers;
  assert.match(workers.at(-1)!, new RegExp(`^${last!.pid}@`), 'who ended it');
  assert.notEqual(workers[0], workers.at(-1), 'who began it');
}

/** What the check in `test/replay` does, with the history of this very build: this code replays it, changed code is found out. */
export async function replays(play: Play): Promise<void> {
  quietLogs();
  const history = await play.handle.fetchHistory();
  const replay = async (code: Code) =>
    Worker.runReplayHistory({ workflowBundle: { codePath: await bundleOf(code) } }, history, play.handle.workflowId);
  const check = async () => {
    await replay('this');
    await assert.rejects(replay('changed'), DeterminismViolationError);
  };
  // One after another: the SDK ends its runtime with the last worker of a process, also under one that is just being made.
  const mine = checking.then(check);
  checking = mine.catch(() => undefined);
  await mine;
}

/** The last check that was begun. */
let checking: Promise<void> = Promise.resolve();
