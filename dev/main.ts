/**
 * `npm run dev`: a Temporal server, a simulated cloud and a worker, until Ctrl-C. Exit codes: 0 stopped as asked, 1 a part
 * could not be kept up, 2 wrong use.
 */
import path from 'node:path';
import { defaultTaskQueue } from '../contract';
import { stackCommand, stackFlags } from './flags';
import { listenForInterruption } from './interrupted';
import { StackError, startStack, type Stack, stopStack } from './stack/stack';

const say = (...lines: string[]) => process.stdout.write(lines.map((line) => `${line}\n`).join(''));

async function main(): Promise<number> {
  const command = stackCommand('dev', 'A Temporal server, a simulated cloud and a worker, until Ctrl-C.').parse();
  const { stop, ...flags } = stackFlags(command);
  if (stop) {
    say((await stopStack(flags.dataDir)) ? 'The stack has stopped.' : 'No stack runs here.');
    return 0;
  }
  const { asked } = listenForInterruption();
  const starting = startStack({ ...flags, startedBy: 'dev', onNotice: say });
  const stack = await Promise.race([starting, asked.then(() => undefined)]);
  if (stack === undefined) {
    // Asked to end while starting: what has begun is to end in order, too.
    await (await starting).stop();
    return 0;
  }
  say(...introduction(stack));
  try {
    await Promise.race([asked, stack.failed]);
    say('', 'Stopping …');
    return 0;
  } finally {
    await stack.stop();
    say('Everything has stopped. What was built is kept for the next start.');
  }
}

/** Where everything is, and what to do with it. */
function introduction(stack: Stack): string[] {
  const { temporalAddress, namespace, uiUrl, simulatorUrl, taskQueue, dataDir, speed } = stack;
  const elsewhere = [
    ...(temporalAddress === '127.0.0.1:7233' ? [] : [`  export TEMPORAL_ADDRESS=${temporalAddress}`]),
    ...(taskQueue === defaultTaskQueue ? [] : [`  export CVM_IMAGE_TASK_QUEUE=${taskQueue}`]),
  ];
  const where = dataDir === path.resolve('.data') ? '' : ` -- --data ${dataDir}`;
  return [
    `Temporal   ${temporalAddress}, namespace ${namespace}, task queue ${taskQueue}`,
    ...(uiUrl === undefined ? [] : [`Web UI     ${uiUrl}`]),
    `Simulator  ${simulatorUrl}, ${speed} times as fast as the real cloud; its state: ${simulatorUrl}/_simulator/state`,
    `Logs       ${dataDir}/logs`,
    '',
    'Try, in another terminal:',
    `  npm run demo${where}`,
    ...elsewhere,
    '  npx cvm-image build --region ap-guangzhou --instance ins-web00001 --image-name web-{date}-{time}',
    '  npx cvm-image list',
    '',
    'Ctrl-C stops everything.',
  ];
}

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof StackError ? 2 : 1);
  },
);
