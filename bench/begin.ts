import { historyFromJSON } from '@temporalio/common/lib/proto-utils';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { workflowSources } from '../scripts/workflow-sources';
import { bundlePath, quietLogs } from '../test/support/bare-worker';
import type { Figure } from './table';

const replays = 200;

/**
 * What it costs a worker to begin a workflow: a recorded history of a workflow that only looks, replayed. With zod loaded once a worker, as
 * the bundle has it, against each workflow loading its own.
 */
export async function measureBeginning(): Promise<Figure[]> {
  quietLogs();
  const { code } = await bundleWorkflowCode({
    ...workflowSources,
    preloadModules: [],
    logger: new DefaultLogger('ERROR'),
  });
  const shared = await millisecondsOf({ codePath: bundlePath });
  const own = await millisecondsOf({ code });
  return [
    {
      what: 'replaying a look at one image, CPU',
      value: `${shared.toFixed(1)} ms; ${own.toFixed(1)} ms with zod loaded each time (${(own / shared).toFixed(1)} times)`,
      target: '-',
    },
  ];
}

/** CPU of one replay; what a worker takes to start is not in it. */
async function millisecondsOf(workflowBundle: { code: string } | { codePath: string }): Promise<number> {
  const file = path.resolve(__dirname, '../../test/histories/0.1.0-image-described.json');
  const history = historyFromJSON(JSON.parse(readFileSync(file, 'utf8')));
  const { workflowId } = history.events![0]!.workflowExecutionStartedEventAttributes!;
  const replay = async (times: number) => {
    const before = process.cpuUsage();
    const all = Array.from({ length: times }, () => ({ workflowId: workflowId!, history }));
    for await (const { error } of Worker.runReplayHistories({ workflowBundle }, all)) if (error) throw error;
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  const few = replays / 10;
  const start = await replay(few);
  return ((await replay(replays)) - start) / (replays - few);
}
