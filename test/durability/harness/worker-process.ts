import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createActivities } from '../../../activities';
import { quietLogs } from '../../support/bare-worker';
import { testSettings } from '../../support/settings';
import type { BuildRef } from '../../../contract';
import { answerLost } from './repeated';
import type { Twice } from './scenario';
import type { ActivityEvent, Given, Repetition } from './worker';

/** A worker of the harness: `node worker-process.js JSON`, or as a part of one file (see worker-program.ts). Sends `ready` once it polls. */
async function main(given: string): Promise<void> {
  const { address, namespace, taskQueue, endpoint, form, tells } = JSON.parse(given) as Given;
  quietLogs(process.env.TEST_LOG_LEVEL === 'DEBUG' ? 'DEBUG' : 'ERROR');
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue,
    workflowBundle: { codePath: form.bundle },
    activities: createActivities(testSettings(endpoint, form.settings)),
    maxConcurrentActivityTaskExecutions: 200,
    debugMode: form.hasThread !== true,
    maxHeartbeatThrottleInterval: '600ms',
    defaultHeartbeatThrottleInterval: '600ms',
    // What was handed to a worker that is dead or frozen comes back sooner: the time is not what is proven here.
    stickyQueueScheduleToStartTimeout: '1s',
    maxConcurrentWorkflowTaskPolls: 2,
    ...(form.tasks === undefined ? {} : taskLimits(form.tasks)),
    maxConcurrentActivityTaskPolls: form.polls ?? 2,
    shutdownGraceTime: '100ms',
    interceptors: { activity: [repeating, ...(tells ? [telling] : [])] },
  });
  process.on('message', ({ instanceId, twice }: Repetition) => repeated.set(instanceId, twice));
  // Ends with the process that started it, however that one ends.
  process.once('disconnect', () => process.exit());
  const running = worker.run();
  process.send?.('ready');
  await running;
  process.exit();
}

/** Enough polls to fetch what there is, and no more in hand than is done before it counts as lost. */
const taskLimits = (tasks: number) => ({
  maxConcurrentWorkflowTaskExecutions: tasks,
  maxConcurrentWorkflowTaskPolls: tasks / 2,
});

/** What is to be done twice, by the instance that a build is of. */
const repeated = new Map<string, Twice>();

/** The first attempt does its work, and its answer gets lost on the way to Temporal: so all of it is done again. */
const repeating: ActivityInterceptorsFactory = ({ info: { activityType, attempt } }) => ({
  inbound: {
    execute: async (input, next) => {
      const answer: unknown = await next(input);
      const [{ build }] = input.args as [{ build?: BuildRef }];
      const twice = repeated.get(build?.instanceId ?? '');
      if (attempt > 1 || twice === undefined || (twice !== 'all' && !twice.includes(activityType))) return answer;
      throw ApplicationFailure.create({ type: answerLost, message: `the answer of ${activityType} was lost` });
    },
  },
});

const telling: ActivityInterceptorsFactory = ({ info: { workflowExecution, activityId } }) => {
  const activity = `${workflowExecution?.workflowId}/${workflowExecution?.runId}/${activityId}`;
  const tell = (at: ActivityEvent['at']) => process.send?.({ at, pid: process.pid, activity } satisfies ActivityEvent);
  return {
    inbound: {
      execute: async (input, next): Promise<unknown> => {
        tell('start');
        try {
          return await next(input);
        } finally {
          tell('end');
        }
      },
    },
  };
};

void main(process.argv[2]!);
