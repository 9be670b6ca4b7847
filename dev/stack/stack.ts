import { createHash } from 'node:crypto';
import path from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { defaultTaskQueue } from '../../contract';
import { isFree } from '../ports';
import { type Child } from '../processes/child';
import { endProcess, type ProcessIdentity } from '../processes/identity';
import { Supervisor } from '../processes/supervisor';
import { temporalCli } from '../temporal-server/programs';
import { resolveProgram } from '../temporal-server/resolve';
import { startSimulator, startTemporal, startWorker } from './children';
import { stackEnvironment, workerSettings, writeProfile } from './environment';
import {
  claim,
  endProcesses,
  isUp,
  readRecord,
  removeRecord,
  type StackPlace,
  type StackRecord,
  writeRecord,
} from './record';

export interface StackOptions {
  /** Where everything that the stack keeps is. */
  dataDir: string;
  temporalPort: number;
  uiPort: number;
  simulatorPort: number;
  /** How many times faster than the real cloud the simulator is. */
  speed: number;
  startedBy: StackRecord['startedBy'];
  /** The programs live on when this process ends. Default: they end with it, whatever it dies of. */
  outlivesUs?: boolean;
  /** Default: that of this process. `TEMPORAL_ADDRESS` in it: use that cluster and start no server. */
  env?: NodeJS.ProcessEnv;
  onNotice?: (line: string) => void;
}

/** A Temporal server, a simulated cloud and a worker that belong together. */
export interface Stack extends StackPlace {
  /** Environment for a worker or the command to work with this stack. */
  env: NodeJS.ProcessEnv;
  startedBy: StackRecord['startedBy'];
  /** Whether we started it; one that was up already is not ours to stop. */
  ours: boolean;
  /** Rejects when a program of the stack cannot be kept up. */
  failed: Promise<never>;
  stop: () => Promise<void>;
  /** Lets the stack go on without this process. Only with `outlivesUs`. */
  leave: () => void;
}

/** A stack that cannot be started for a reason that the user can mend. */
export class StackError extends Error {
  override readonly name = 'StackError';
}

/**
 * Starts a stack, and keeps it up: a program that dies is started again.
 *
 * @throws {StackError} when its data directory or a port is in use
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { dataDir, startedBy, speed, env = process.env, onNotice = () => undefined, outlivesUs = false } = options;
  const ownTemporal = (env.TEMPORAL_ADDRESS ?? '') === '';
  const program = ownTemporal ? await resolveProgram(temporalCli, { env, onNotice }) : '';
  if (!(await claim(dataDir, startedBy))) throw new StackError(runsAlready(dataDir));
  const record = readRecord(dataDir)!;
  const supervisor = new Supervisor(onNotice);
  const onStarted = (name: string, identity: ProcessIdentity) => {
    record.processes = [...record.processes.filter((one) => one.name !== name), { name, ...identity }];
    writeRecord(dataDir, record);
  };
  const stop = async () => {
    await supervisor.stop();
    removeRecord(dataDir);
  };
  try {
    await checkPorts(options, ownTemporal);
    const place = placeOf(options, ownTemporal, env);
    const childPlace = { dataDir, outlivesUs, onStarted };
    const { temporalPort: port, uiPort, simulatorPort } = options;
    const begun: Promise<Child>[] = [supervisor.add(() => startSimulator(childPlace, simulatorPort, speed))];
    if (ownTemporal) begun.push(supervisor.add(() => startTemporal(childPlace, { program, port, uiPort })));
    await allOrNone(begun);
    if (ownTemporal) writeProfile(place);
    const stackEnv = stackEnvironment(place, ownTemporal, env);
    await supervisor.add(() => startWorker(childPlace, { ...workerSettings(place), ...stackEnv }));
    writeRecord(dataDir, Object.assign(record, { place }));
    return {
      ...place,
      env: stackEnv,
      startedBy,
      ours: true,
      failed: supervisor.failed,
      stop,
      leave: () => {
        supervisor.leave();
        writeRecord(dataDir, Object.assign(record, { left: true }));
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The stack that is up in a data directory, to be used but not looked after; undefined when there is none. */
export async function runningStack(dataDir: string, env: NodeJS.ProcessEnv = process.env): Promise<Stack | undefined> {
  const record = readRecord(dataDir);
  if (!record?.place || !(await isUp(record))) return undefined;
  const { place, startedBy } = record;
  const nothing = () => undefined;
  return {
    ...place,
    env: stackEnvironment(place, place.uiUrl !== undefined, env),
    startedBy,
    ours: false,
    failed: new Promise<never>(nothing),
    stop: () => Promise.resolve(),
    leave: nothing,
  };
}

/**
 * Stops the stack of a data directory, whoever started it.
 *
 * @returns whether anything was running
 */
export async function stopStack(dataDir: string): Promise<boolean> {
  const record = readRecord(dataDir);
  if (record === undefined) return false;
  const up = await isUp(record);
  // Its owner, if it is still there, ends everything in order, and must not start it again.
  await endProcess(record.owner, 30_000);
  await endProcesses(record);
  removeRecord(dataDir);
  return up;
}

function placeOf(options: StackOptions, ownTemporal: boolean, env: NodeJS.ProcessEnv): StackPlace {
  const { dataDir, speed, simulatorPort, temporalPort, uiPort } = options;
  const common = {
    simulatorUrl: `http://127.0.0.1:${simulatorPort}`,
    taskQueue: env.CVM_IMAGE_TASK_QUEUE ?? (ownTemporal ? defaultTaskQueue : apart(dataDir)),
    dataDir,
    speed,
  };
  if (ownTemporal) {
    const uiUrl = `http://127.0.0.1:${uiPort}`;
    return { ...common, temporalAddress: `127.0.0.1:${temporalPort}`, namespace: 'default', uiUrl };
  }
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  return { ...common, temporalAddress: connectionOptions.address ?? env.TEMPORAL_ADDRESS!, namespace };
}

/**
 * A task queue of the stack's own, on a cluster that others use too: its worker must not take up builds that are meant for a
 * worker with another cloud.
 */
const apart = (dataDir: string) =>
  `${defaultTaskQueue}-dev-${createHash('sha256').update(path.resolve(dataDir)).digest('hex').slice(0, 8)}`;

async function checkPorts(options: StackOptions, ownTemporal: boolean): Promise<void> {
  const ports = [
    ...(ownTemporal
      ? [
          { port: options.temporalPort, what: 'the Temporal server', flag: '--temporal-port' },
          { port: options.uiPort, what: 'the Temporal Web UI', flag: '--ui-port' },
        ]
      : []),
    { port: options.simulatorPort, what: 'the simulator', flag: '--simulator-port' },
  ];
  const free = await Promise.all(ports.map(({ port }) => isFree(port)));
  const taken = ports.filter((_, index) => !free[index]);
  if (taken.length === 0) return;
  throw new StackError(
    [
      ...taken.map(
        ({ port, what, flag }) => `Port ${port} for ${what} is taken by another program. Choose another with ${flag}.`,
      ),
      'A second stack beside another one needs ports of its own and another data directory (--data).',
    ].join('\n'),
  );
}

function runsAlready(dataDir: string): string {
  const place = readRecord(dataDir)?.place;
  const where = place ? `: Temporal on ${place.temporalAddress}, simulator on ${place.simulatorUrl}` : '';
  return [
    `A stack runs already in ${dataDir}${where}.`,
    `Stop it with: ${stopCommand(dataDir)}`,
    'or start a second one beside it with other ports (--temporal-port, --simulator-port) and another --data.',
  ].join('\n');
}

/** What a person types to stop the stack of a data directory. */
export const stopCommand = (dataDir: string) =>
  `npm run dev -- --stop${dataDir === path.resolve('.data') ? '' : ` --data ${dataDir}`}`;

/** Waits for all even when one fails, so that nothing comes up after the others were stopped. */
async function allOrNone(begun: Promise<unknown>[]): Promise<void> {
  const ended = await Promise.allSettled(begun);
  const failed = ended.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
}
