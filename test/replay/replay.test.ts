import { DeterminismViolationError } from '@temporalio/workflow';
import { bundleWorkflowCode, DefaultLogger, Worker, type WorkerOptions } from '@temporalio/worker';
import { type History } from '@temporalio/common/lib/proto-utils';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bundlePath } from '../support/bare-worker';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { ofRun } from './of-run';
import { type Scenario, scenarios } from './scenarios';

const folder = path.resolve(__dirname, '../../../test/histories');
const recordings = readdirSync(folder).filter((file) => file.endsWith('.json'));
const read = (file: string) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as History;

/** The build that `npm run build` made, as every worker runs it. */
const workflowBundle = { codePath: bundlePath };

/** Replays many histories in one worker; answers by run ID what was wrong with each. */
async function replayed(
  histories: { workflowId: string; history: History }[],
): Promise<Map<string, Error | undefined>> {
  const results = new Map<string, Error | undefined>();
  for await (const { runId, error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
    results.set(runId, error);
  }
  return results;
}

const startOf = (history: History) => history.events![0]!.workflowExecutionStartedEventAttributes!;

describe('recorded histories', () => {
  const histories = recordings.map((file) => ({ file, history: read(file) }));
  let results: Map<string, Error | undefined>;
  before(async () => {
    // The workflow's ID is its lock, and a build looks at it.
    results = await replayed(histories.map(({ history }) => ({ workflowId: startOf(history).workflowId!, history })));
  });

  test('every scenario has a recording, and every recording a scenario', () => {
    const named = new Set(recordings.map((file) => file.replace(/^\d+\.\d+\.\d+-/, '').replace(/\.json$/, '')));
    assert.deepEqual([...named].sort(), scenarios.map(({ name }) => name).sort());
  });

  for (const { file, history } of histories) {
    test(`${file} replays`, () => {
      const runId = startOf(history).originalExecutionRunId!;
      assert.ok(results.has(runId), 'it was replayed');
      assert.equal(results.get(runId), undefined);
    });
  }

  test('a changed order of steps is noticed', async () => {
    const changed = await bundleWorkflowCode({
      workflowsPath: path.join(__dirname, 'changed-build.js'),
      logger: new DefaultLogger('ERROR'),
    });
    const history = read(recordings.find((file) => file.endsWith('-instance-launch.json'))!);
    await assert.rejects(Worker.runReplayHistory({ workflowBundle: changed }, history), DeterminismViolationError);
  });
});

/** Plays a scenario to its end, which must be the one that it is to have. */
async function played(stack: BuildStack, { run, ends }: Scenario): Promise<void> {
  const handle = await run(stack);
  await handle.result().catch(() => undefined);
  assert.equal((await handle.describe()).status.name, ends);
}

async function startStack(worker: Partial<WorkerOptions> = {}): Promise<BuildStack> {
  const stack = await startBuildStack({ worker });
  await stack.cloud.seed({ imageQuota: { 'ap-guangzhou': 100 } });
  return stack;
}

describe('every scenario, as the code of today runs it', () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startStack();
  });
  after(() => stack.stop());

  describe('ends as it is to end', { concurrency: 4 }, () => {
    for (const scenario of scenarios) test(scenario.name, () => played(stack, scenario));
  });

  test('replays from the start, with its children and what they had to do with', async () => {
    const { workflow } = stack.client;
    const runs: { workflowId: string; runId: string }[] = [];
    for await (const { workflowId, runId } of workflow.list()) runs.push({ workflowId, runId });
    assert.ok(runs.length > scenarios.length, `${runs.length} runs`);
    const histories = await Promise.all(
      runs.map(async ({ workflowId, runId }) => ({
        workflowId,
        history: ofRun(await workflow.getHandle(workflowId, runId).fetchHistory(), runId),
      })),
    );
    const results = await replayed(histories);
    assert.equal(results.size, runs.length);
    const wrong = runs.flatMap(({ workflowId, runId }) => {
      const error = results.get(runId);
      return error ? [`${workflowId}: ${error.message}`] : [];
    });
    assert.deepEqual(wrong, []);
  });
});

/** People act between two tasks: what they asked for is to be answered also by a worker that knows nothing of the run. */
const acted = ['held-image-retried', 'paused-resumed', 'extended-image', 'release-approved', 'queued'];

describe('without a workflow cache each task replays from the start', { concurrency: 3 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startStack({ maxCachedWorkflows: 0 });
  });
  after(() => stack.stop());

  for (const name of acted)
    test(name, () =>
      played(
        stack,
        scenarios.find((one) => one.name === name)!,
      ),
    );
});
