import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { searchAttributes } from '../../contract/search-attributes';
import { freePorts } from '../ports';
import { type Child, type ChildOptions, startChild } from '../processes/child';
import { untilTrue } from '../until';
import { temporalCli } from './programs';
import { resolveProgram } from './resolve';

export interface TemporalServerOptions {
  /** Path of the `temporal` program. Default: found or fetched by `resolveProgram`. */
  program?: string;
  /** SQLite file that keeps histories across restarts; absent: in memory. */
  dbFile?: string;
  /** Default: any free port. */
  port?: number;
  /** Port of the Web UI; absent: no Web UI. */
  uiPort?: number;
  /** Created at start, beside `default`. Default: `default`. */
  namespace?: string;
  /** Registered at start. Default: those of the contract. */
  searchAttributes?: Readonly<
    Record<string, 'Keyword' | 'Text' | 'Int' | 'Double' | 'Bool' | 'Datetime' | 'KeywordList'>
  >;
  /** More of the server's dynamic configuration: `key=value`. */
  dynamicConfig?: readonly string[];
  logFile?: string;
  /** Default: error. */
  logLevel?: 'debug' | 'info' | 'warn' | 'error';
  outlivesUs?: boolean;
  onStarted?: ChildOptions['onStarted'];
  onNotice?: (line: string) => void;
}

export interface TemporalServer {
  /** host:port of the gRPC frontend. */
  address: string;
  namespace: string;
  uiUrl: string | undefined;
  child: Child;
  stop: () => Promise<void>;
}

const startLimitMs = 30_000;

/**
 * Runs the Temporal dev server until `stop`, and comes back when it answers. It dies with this process.
 *
 * @throws Error with the server's own last lines when it does not come up
 */
export async function startTemporalServer(options: TemporalServerOptions = {}): Promise<TemporalServer> {
  const resolving = options.onNotice ? { onNotice: options.onNotice } : {};
  const program = options.program ?? (await resolveProgram(temporalCli, resolving));
  const port = options.port ?? (await freePorts(1))[0]!;
  const namespace = options.namespace ?? 'default';
  if (options.dbFile !== undefined) mkdirSync(path.dirname(options.dbFile), { recursive: true });
  const child = await startChild({
    name: 'Temporal server',
    command: program,
    args: serverArguments({ ...options, port, namespace }),
    ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
    ...(options.outlivesUs === undefined ? {} : { outlivesUs: options.outlivesUs }),
    ...(options.onStarted === undefined ? {} : { onStarted: options.onStarted }),
  });
  const address = `127.0.0.1:${port}`;
  const up = await untilTrue(
    async () => child.outcome !== undefined || (await answers(address, namespace)),
    startLimitMs,
  );
  if (child.outcome !== undefined || !up) {
    const how = child.outcome === undefined ? `does not answer on ${address}` : `ended at once (${child.outcome})`;
    await child.stop(0);
    const lines = child.output().trim().split('\n').slice(-3).join('\n');
    throw new Error(
      [`The Temporal server ${how}.`, lines, options.logFile && `Its log: ${options.logFile}`]
        .filter(Boolean)
        .join('\n'),
    );
  }
  return {
    address,
    namespace,
    uiUrl: options.uiPort === undefined ? undefined : `http://127.0.0.1:${options.uiPort}`,
    child,
    stop: () => child.stop(),
  };
}

function serverArguments(options: TemporalServerOptions & { port: number; namespace: string }): string[] {
  const attributes =
    options.searchAttributes ?? Object.fromEntries(Object.keys(searchAttributes).map((name) => [name, 'Keyword']));
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(options.port), '--namespace', options.namespace],
    ...(options.uiPort === undefined ? ['--headless'] : ['--ui-port', String(options.uiPort)]),
    ...['--log-format', 'json', '--log-level', options.logLevel ?? 'error'],
    ...(options.dbFile === undefined
      ? []
      : [
          '--db-filename',
          options.dbFile,
          '--sqlite-pragma',
          'journal_mode=WAL',
          '--sqlite-pragma',
          'synchronous=NORMAL',
        ]),
    ...[...tuning, ...(options.dynamicConfig ?? [])].flatMap((setting) => ['--dynamic-config-value', setting]),
    ...Object.entries(attributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
  ];
}

/**
 * The dev server's defaults suit a cluster of many: every dispatch waits for a queue poll that is limited to 20 a
 * second. Six activities in a row take 650 ms with the defaults and 100 ms with these.
 */
const tuning = [
  'history.transferProcessorMaxPollRPS=200',
  'history.timerProcessorMaxPollRPS=200',
  'history.timerProcessorMaxTimeShift="1ms"',
];

/** Whether the namespace can be used: the port opens a little earlier. */
async function answers(address: string, namespace: string): Promise<boolean> {
  // Loaded here: what only names this module's types has no use for gRPC.
  const { Connection } = await import('@temporalio/client');
  // Lazy, because a connection whose `connect` fails cannot be closed and goes on trying.
  // Without the SDK's own retries, one of which could be due when the connection is closed; we ask again anyway.
  const connection = Connection.lazy({ address, interceptors: [] });
  try {
    await connection.withDeadline(Date.now() + 1000, () => connection.workflowService.describeNamespace({ namespace }));
    return true;
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}
