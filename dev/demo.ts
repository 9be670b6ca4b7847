/**
 * `npm run demo`: builds an image of a running server with two data disks on a local stack, launches a server from it,
 * and shows that its disks hold the same bytes. Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.
 */
import {
  type BuildHandle,
  type BuildView,
  ClientError,
  connect,
  type Connected,
  startBuild,
  webUiUrl,
} from '../client';
import { print, printError } from '../client/output/print';
import { renderOutcome } from '../client/output/result';
import { colorsFor } from '../client/output/text';
import { begin } from './demo/begin';
import { compareDisks } from './demo/proof';
import { DemoSimulator } from './demo/simulator';
import { demoSpec, source } from './demo/source';
import { watchBuild } from './demo/watch';
import { stackCommand, stackFlags } from './flags';
import { listenForInterruption } from './interrupted';
import { runningStack, type Stack, StackError, startStack, stopCommand, stopStack } from './stack/stack';

const interrupted = 130;

async function main(): Promise<number> {
  const command = stackCommand(
    'demo',
    'Builds an image of a simulated server, from stop to new server, on a local stack.',
  );
  command.option('--keep', 'leave the stack up afterwards').parse();
  const { stop, ...flags } = stackFlags(command);
  const keep = command.opts<{ keep?: true }>().keep === true;
  if (stop) {
    print((await stopStack(flags.dataDir)) ? 'The stack has stopped.' : 'No stack runs here.');
    return 0;
  }
  const { signal } = listenForInterruption();
  const running = await runningStack(flags.dataDir);
  if (running) print(`Using the stack that runs already in ${flags.dataDir}.`);
  else print('Starting a Temporal server, a simulated cloud and a worker …');
  const stack =
    running ?? (await startStack({ ...flags, startedBy: 'demo', outlivesUs: keep, onNotice: (line) => print(line) }));
  let left = false;
  try {
    if (signal.aborted) return interrupted;
    const exitCode = await Promise.race([demonstrate(stack, signal), stack.failed]);
    if (exitCode === interrupted) {
      print('', 'Interrupted. The build is unfinished; npm run demo takes it up again where it is.');
    } else if (keep && stack.ours) {
      stack.leave();
      left = true;
    }
    if (left || !stack.ours) print('', ...howToLookAround(stack));
    return exitCode;
  } finally {
    if (!left) await stack.stop();
  }
}

async function demonstrate(stack: Stack, signal: AbortSignal): Promise<number> {
  // The client reads its settings from the environment, like any other program that uses it.
  replaceEnvironment(stack.env);
  const temporal = await connect();
  try {
    const simulator = new DemoSimulator(stack.simulatorUrl);
    const resumed = await begin(temporal.client, simulator, stack);
    const build = await startBuild(temporal.client, demoSpec);
    announce(build, resumed, webUiUrl(uiPlace(temporal, stack), build));
    const last = await watchBuild(temporal.client, build, signal);
    return last === undefined ? interrupted : await conclude(temporal, stack, simulator, last);
  } finally {
    await temporal.close();
  }
}

function announce(build: BuildHandle, resumed: boolean, webUi: string | undefined): void {
  print(
    resumed
      ? `Taking up the unfinished build ${build.buildId} where it is.`
      : `Building an image of ${source.instanceId} in ${source.region}, which runs and has two data disks: build ${build.buildId}.`,
    ...(webUi === undefined ? [] : [`Its story in the Temporal Web UI: ${webUi}`]),
    '',
  );
}

async function conclude(temporal: Connected, stack: Stack, simulator: DemoSimulator, last: BuildView): Promise<number> {
  const { workflowId, runId, startedAt, endedAt, outcome } = last;
  const { historyLength } = await temporal.client.workflow.getHandle(workflowId, runId).describe();
  const extra: [string, string][] = [
    ['API calls', String(await simulator.callsSince(new Date(startedAt)))],
    ['history events', String(historyLength)],
  ];
  const seconds = endedAt === undefined ? undefined : (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
  const colors = colorsFor(process.stdout);
  const webUi = webUiUrl(uiPlace(temporal, stack), last);
  print('', renderOutcome(outcome!, { colors, seconds, webUi, extra }));
  if (outcome?.status !== 'completed' || 'kind' in outcome.result) {
    printError('', `The logs are in ${stack.dataDir}/logs.`);
    return 1;
  }
  const { table, equal } = await compareDisks(outcome.result, simulator, colors);
  print('', 'What is on the disks:', table);
  if (!equal) printError('The new disks do not hold what the old ones hold.');
  return equal ? 0 : 1;
}

function howToLookAround(stack: Stack): string[] {
  const { temporalAddress, uiUrl, simulatorUrl, dataDir } = stack;
  const usual = temporalAddress === '127.0.0.1:7233';
  return [
    `The stack is still up: Temporal on ${temporalAddress}${uiUrl === undefined ? '' : `, Web UI ${uiUrl}`}, simulator ${simulatorUrl}.`,
    'Look around:',
    ...(usual ? [] : [`  export TEMPORAL_ADDRESS=${temporalAddress}`]),
    '  npx cvm-image list',
    `  npx cvm-image show ${source.instanceId}`,
    `  curl ${simulatorUrl}/_simulator/state?region=${source.region}`,
    `Stop it with: ${stopCommand(dataDir)}`,
  ];
}

const uiPlace = ({ address, namespace }: Connected, { uiUrl }: Stack) => ({ address, namespace, uiUrl });

function replaceEnvironment(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, env);
}

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    printError(error instanceof Error ? error.message : String(error));
    process.exit(error instanceof StackError ? 2 : error instanceof ClientError ? error.exitCode : 1);
  },
);
