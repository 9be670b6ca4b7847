import path from 'node:path';
import { type Child, type ChildOptions, startChild } from '../processes/child';
import { startTemporalServer } from '../temporal-server/server';
import { untilTrue } from '../until';

const root = path.resolve(__dirname, '..', '..');
const logOf = (dataDir: string, name: string) => path.join(dataDir, 'logs', `${name}.log`);

/** What every program of a stack is told. */
export interface ChildPlace {
  dataDir: string;
  outlivesUs: boolean;
  onStarted: NonNullable<ChildOptions['onStarted']>;
}

/** The dev server, with its database in the data directory. */
export async function startTemporal(
  place: ChildPlace,
  options: { program: string; port: number; uiPort: number },
): Promise<Child> {
  const { dataDir, ...rest } = place;
  const dbFile = path.join(dataDir, 'temporal.db');
  const server = await startTemporalServer({
    ...options,
    dbFile,
    logFile: logOf(dataDir, 'temporal'),
    logLevel: 'warn',
    ...rest,
  });
  return server.child;
}

/** The simulator, which keeps its state in the data directory. */
export function startSimulator({ dataDir, ...rest }: ChildPlace, port: number, speed: number): Promise<Child> {
  const data = path.join(dataDir, 'simulator');
  const script = path.join(root, 'simulator', 'main.js');
  // Tests of pipelines ask what a new server serves.
  const args = [script, '--port', String(port), '--data', data, '--speed', String(speed), '--listen'];
  const logFile = logOf(dataDir, 'simulator');
  return startNode({ name: 'simulator', args, logFile, ...rest }, 'simulator listening');
}

/** A worker, up when it polls. */
export function startWorker({ dataDir, ...rest }: ChildPlace, env: NodeJS.ProcessEnv): Promise<Child> {
  const args = [path.join(root, 'worker', 'main.js')];
  const logFile = logOf(dataDir, 'worker');
  return startNode({ name: 'worker', args, logFile, ...rest, env }, 'worker is ready');
}

async function startNode(options: Omit<ChildOptions, 'command'>, sign: string): Promise<Child> {
  const child = await startChild({ ...options, command: process.execPath });
  const up = await untilTrue(() => child.outcome !== undefined || child.output().includes(sign), 30_000);
  if (up && child.outcome === undefined) return child;
  await child.stop(0);
  const lines = child.output().trim().split('\n').slice(-5);
  throw new Error([`The ${child.name} did not come up. It says:`, ...lines.map((line) => `  ${line}`)].join('\n'));
}
