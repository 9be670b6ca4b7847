import { DeterminismViolationError } from '@temporalio/workflow';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { type History } from '@temporalio/common/lib/proto-utils';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type BuildStack, bundlePath, startBuildStack } from '../support/build-stack';
import { scenarios } from './scenarios';

const folder = path.resolve(__dirname, '../../../test/histories');
const recordings = readdirSync(folder).filter((file) => file.endsWith('.json'));
const read = (file: string) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as History;

describe('recorded histories', () => {
  test('every scenario has a recording, and every recording a scenario', () => {
    const named = new Set(recordings.map((file) => file.replace(/^\d+\.\d+\.\d+-/, '').replace(/\.json$/, '')));
    assert.deepEqual([...named].sort(), scenarios.map(({ name }) => name).sort());
  });

  for (const file of recordings) {
    test(`${file} replays`, async () => {
      const history = read(file);
      // The workflow's ID is its lock, and a build looks at it.
      const workflowId = history.events![0]!.workflowExecutionStartedEventAttributes!.workflowId!;
      await Worker.runReplayHistory({ workflowBundle: { codePath: bundlePath } }, history, workflowId);
    });
  }

  test('a changed order of steps is noticed', async () => {
    const workflowBundle = await bundleWorkflowCode({
      workflowsPath: path.join(__dirname, 'changed-build.js'),
      logger: new DefaultLogger('ERROR'),
    });
    const history = read(recordings.find((file) => file.endsWith('-instance-launch.json'))!);
    await assert.rejects(Worker.runReplayHistory({ workflowBundle }, history), DeterminismViolationError);
  });
});

describe(
  'every scenario without a workflow cache, so that each task replays from the start',
  { concurrency: 3 },
  () => {
    let stack: BuildStack;
    before(async () => {
      stack = await startBuildStack({ worker: { maxCachedWorkflows: 0 } });
      await stack.cloud.seed({ imageQuota: { 'ap-guangzhou': 100 } });
    });
    after(() => stack.stop());

    for (const { name, ends, run } of scenarios) {
      test(name, async () => {
        const handle = await run(stack);
        await handle.result().catch(() => undefined);
        assert.equal((await handle.describe()).status.name, ends);
      });
    }
  },
);
