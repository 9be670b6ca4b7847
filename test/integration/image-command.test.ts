import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ImageDetails, ImageSummary } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { buildOne, region, resourcesOfLaunch } from '../support/images';
import { assertClean, until } from '../support/judge';
import { commandEnv, type CommandOutcome, finishCommand, linesOf, noTrace, startCommand } from '../support/command';

/** The verbs about images as processes of their own, against a real server and worker. */
describe('cvm-image launch, images, image show, delete', { concurrency: 3 }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-images-'));
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 100 } });
  });
  after(async () => {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (args: string[], taskQueue = stack.taskQueue) =>
    startCommand(args, commandEnv({ ...stack, taskQueue }, folder));
  const run = (...args: string[]) => finishCommand(start(args));
  const refused = (outcome: CommandOutcome, code: number, text: RegExp) => {
    assert.equal(outcome.code, code, outcome.stdout + outcome.stderr);
    assert.match(outcome.stderr, text);
    noTrace(outcome);
  };

  test('from a build to a launched instance, and to nothing again', async () => {
    const built = await buildOne(stack);
    const { imageId, name } = built.image;
    const launched = await run(
      'launch',
      name,
      '--region',
      region,
      '--zone',
      'ap-guangzhou-3',
      '--build',
      '--name',
      'web-8',
    );
    assert.equal(launched.code, 0, launched.stderr);
    const launchId = /launch-[0-9a-f]{12}/.exec(launched.stdout)![0];
    const [instance] = (await resourcesOfLaunch(stack, launchId)).instances;
    assert.equal(instance!.name, 'web-8');
    assert.match(
      launched.stdout,
      new RegExp(`Launch ${launchId} is done[^]+new instance +${instance!.id}[^]+from snap-`),
    );

    const shown = await run('show', launchId, '--json');
    assert.equal(shown.code, 0, shown.stderr);
    const view = JSON.parse(shown.stdout) as { kind: string; status: string; steps: { step: string; state: string }[] };
    assert.deepEqual([view.kind, view.status], ['launch', 'completed']);
    assert.deepEqual(
      view.steps.map(({ step, state }) => `${step} ${state}`),
      ['inspectLaunch done', 'launchInstance done', 'keepResources done'],
    );

    // Visibility follows the history by a moment.
    await until(async () => {
      const all = JSON.parse((await run('launches', '--json')).stdout) as { buildId: string; phase: string }[];
      return all.find(({ buildId }) => buildId === launchId)?.phase === 'completed' ? true : undefined;
    });
    assert.match((await run('launches')).stdout, new RegExp(`${launchId} +completed +${region} +${name} +${imageId}`));

    const image = JSON.parse(
      (await run('image', 'show', imageId, '--region', region, '--json')).stdout,
    ) as ImageDetails;
    assert.deepEqual(image.instances, [{ instanceId: instance!.id, name: 'web-8', state: 'RUNNING' }]);
    const told = await run('image', 'show', name, '--region', region);
    assert.match(told.stdout, new RegExp(`build +${built.buildId} of ${built.source.instanceId}, kept`));
    const listed = JSON.parse((await run('images', '--region', region, '--json')).stdout) as ImageSummary[];
    assert.equal(listed.find((one) => one.imageId === imageId)?.madeBy?.buildId, built.buildId);
    assert.match(
      (await run('images', '--region', region, '--no-shares')).stdout,
      new RegExp(`${imageId} +${name} +NORMAL`),
    );

    refused(await run('delete', imageId, '--region', region, '--yes'), 2, new RegExp(`in use by ${instance!.id}`));
    await stack.cloud.send('POST', 'interfere', { act: 'terminate-instance', id: instance!.id });
    refused(await run('delete', imageId, '--region', region), 2, /--yes/);
    const deleted = await run('delete', imageId, '--region', region, '--yes');
    assert.equal(deleted.code, 0, deleted.stdout + deleted.stderr);
    for (const { snapshotId } of built.snapshots) assert.ok(deleted.stdout.includes(snapshotId));
    await assertClean(stack.cloud, region, built.source.instanceId);

    const again = await run('delete', imageId, '--region', region, '--yes', '--json');
    assert.equal(again.code, 0, 'deleted before is no failure');
    assert.equal(linesOf(again).at(-1)!.status, 'completed');
    refused(await run('image', 'show', imageId, '--region', region), 2, /There is no image/);
    refused(await run('delete', name, '--region', region, '--yes'), 2, /There is no image/);
  });

  test('--json writes the plan, the states and the result of a deletion', async () => {
    const built = await buildOne(stack, {}, { dataDisks: 1 });
    const outcome = await run('delete', built.image.imageId, '--region', region, '--yes', '--json');
    assert.equal(outcome.code, 0, outcome.stderr);
    const lines = linesOf(outcome);
    const [plan, started] = lines as [{ type: string; snapshotIds: string[] }, { type: string }];
    assert.deepEqual([plan.type, started.type], ['plan', 'started']);
    assert.ok(plan.snapshotIds.includes(built.snapshots[0]!.snapshotId));
    const last = lines.at(-1) as { type: string; exitCode: number; result: { kind: string } };
    assert.deepEqual([last.type, last.exitCode, last.result.kind], ['result', 0, 'delete']);
  });

  test('a launch by a file, joined by flags; cancelled, it undoes what it made', async () => {
    const built = await buildOne(stack, {}, { dataDisks: 0 });
    // The answer comes so late that there is time to find the instance, and to forbid what comes next.
    const held = { kind: 'delay', when: 'after', milliseconds: 6000, nth: 2 };
    await stack.cloud.fault({ action: 'RunInstances', contains: built.image.imageId, ...held });
    const file = path.join(folder, 'launch.yaml');
    writeFileSync(
      file,
      `region: ${region}\nimage: ${built.image.imageId}\nlaunch:\n  zone: ap-guangzhou-4\n  name: from-file\n`,
    );
    const started = await run('launch', '--spec', file, '--name', 'from-flag', '--detach', '--json');
    assert.equal(started.code, 0, started.stderr);
    const { workflowId, buildId } = linesOf(started)[0] as { workflowId: string; buildId: string };
    const instance = await until(async () => (await resourcesOfLaunch(stack, buildId)).instances[0]);
    assert.equal(instance.name, 'from-flag');
    await stack.cloud.fault({
      action: 'TagResources',
      contains: instance.id,
      kind: 'error',
      code: 'UnauthorizedOperation',
      message: 'not today',
      when: 'before',
      times: 1000,
    });
    const watching = finishCommand(start(['watch', workflowId]));
    const cancelled = await run('cancel', workflowId, '--wait');
    assert.equal(cancelled.code, 0, cancelled.stdout + cancelled.stderr);
    assert.match(cancelled.stdout, /It undoes what it made/);
    const watched = await watching;
    assert.equal(watched.code, 5, watched.stderr);
    assert.match(watched.stdout, /Launch launch-[0-9a-f]{12} was cancelled/);
    const left = await resourcesOfLaunch(stack, buildId);
    assert.deepEqual([left.instances, left.disks], [[], []]);
  });

  test('what is wrong is said before anything is asked; no worker is said soon', async () => {
    refused(await run('launch'), 2, /Which image\?/);
    refused(await run('launch', 'img-1a2b3c4d', '--zone', 'ap-guangzhou-3'), 2, /--region: region: missing/);
    refused(await run('launch', 'img-1a2b3c4d', '--region', region), 2, /--zone: launch\.zone: missing/);
    refused(await run('delete', 'family:web', '--region', region, '--yes'), 2, /exact name/);
    refused(await run('images'), 2, /--region/);
    const alone = await finishCommand(start(['images', '--region', region], 'nobody-polls-this'));
    refused(alone, 1, /No worker takes work from task queue nobody-polls-this/);
    const unknown = await run('images', '--region', 'ap-nowhere');
    refused(unknown, 1, /UnsupportedRegion/);
  });
});
