import { NativeConnection, Worker } from '@temporalio/worker';
import { createActivities } from '../../activities';
import { bundlePath, quietLogs } from './bare-worker';
import { testSettings } from './settings';

/**
 * A worker as a process of its own, for tests that kill it: `node worker-process.js ADDRESS NAMESPACE QUEUE ENDPOINT`.
 * Says `ready` once it polls.
 */
async function main([address, namespace, taskQueue, endpoint]: string[]): Promise<void> {
  quietLogs(process.env.TEST_LOG_LEVEL === 'DEBUG' ? 'DEBUG' : 'ERROR');
  const connection = await NativeConnection.connect({ address: address! });
  const worker = await Worker.create({
    connection,
    namespace: namespace!,
    taskQueue: taskQueue!,
    workflowBundle: { codePath: bundlePath },
    activities: createActivities(testSettings(endpoint!)),
    maxHeartbeatThrottleInterval: '200ms',
    defaultHeartbeatThrottleInterval: '200ms',
  });
  // Ends with the test that started it, however that one ends.
  process.stdin.once('end', () => process.exit()).resume();
  const running = worker.run();
  console.log('ready');
  await running;
}

void main(process.argv.slice(2));
