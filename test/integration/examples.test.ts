import { NativeConnection, Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { PipelineInput } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { commandEnv, runCommand } from '../support/command';
import { familyInCloud, pipelineOf, region } from '../support/releases';

const examples = path.resolve(__dirname, '../../docs/examples');
const run = promisify(execFile);

/** What docs/pipelines.md shows for scripts and programs does what it says. */
describe('examples of pipelines', { concurrency: 2 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 100 } });
  });
  after(() => stack.stop());

  test('child-pipeline.ts: a release as the child of a workflow on a worker of its own', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const { address, namespace } = stack.temporal;
    const taskQueue = 'somebody-elses';
    const connection = await NativeConnection.connect({ address });
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue,
      workflowsPath: path.join(examples, 'child-pipeline.js'),
    });
    try {
      const imageId = await worker.runUntil(
        stack.client.workflow.execute<(pipeline: PipelineInput, taskQueue: string) => Promise<string | undefined>>(
          'refreshImage',
          {
            workflowId: 'monthly-refresh',
            taskQueue,
            args: [pipeline, stack.taskQueue],
          },
        ),
      );
      assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family)).of('current'), [imageId]);
    } finally {
      await connection.close();
    }
  });

  test('run-pipeline.ts prints the release; Terraform is told the current image in the form that it demands', async () => {
    const { stdout } = await run(process.execPath, [path.join(examples, 'run-pipeline.js')], {
      env: { PATH: process.env.PATH, ...commandEnv(stack, '/nonexistent') },
    });
    const [imageId] = (await familyInCloud(stack.cloud, 'web')).of('current') as [string];
    assert.match(stdout, new RegExp(`waiting\\n[^]*released\\n${imageId} in ${region}: current\\n$`));

    const terraform = readFileSync(path.resolve(__dirname, '../../../docs/examples/terraform/main.tf'), 'utf8');
    const program = JSON.parse(/program = (\[.*\])/.exec(terraform)![1]!) as string[];
    assert.equal(program[0], 'cvm-image');
    const told = await runCommand(program.slice(1), commandEnv(stack, '/nonexistent'));
    assert.equal(told.code, 0, told.stderr);
    // One JSON object, all of whose values are strings; anything else the data source refuses.
    const result = JSON.parse(told.stdout) as Record<string, unknown>;
    for (const [name, value] of Object.entries(result)) assert.equal(typeof value, 'string', name);
    assert.equal(result.imageId, imageId);
    const used = [...terraform.matchAll(/external\.web\.result\.(\w+)/g)].map(([, name]) => name!);
    assert.ok(used.length > 0);
    for (const name of used) assert.ok(name in result, name);

    // Without one it fails, and says why where Terraform shows it.
    const none = await runCommand(
      program.slice(1).map((word) => (word === 'web' ? 'nothing' : word)),
      commandEnv(stack, '/nonexistent'),
    );
    assert.equal(none.code, 2);
    assert.match(none.stderr, /has no current image/);
  });
});
