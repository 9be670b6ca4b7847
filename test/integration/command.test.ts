import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { assertClean, assertSource, resourcesOf, until } from '../support/judge';
import { commandEnv, finishCommand, linesOf, noTrace, startCommand } from '../support/command';

const region = 'ap-guangzhou';

/** The command as a process of its own, as a script would call it, against a real server and worker. */
describe('cvm-image, end to end', { concurrency: 3 }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-command-'));
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 100 } });
  });
  after(async () => {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (...args: string[]) => startCommand(args, commandEnv(stack, folder));
  const run = (...args: string[]) => finishCommand(start(...args));
  const flags = (instanceId: string, name = `cmd-${instanceId}`) => [
    ...['--region', region, '--instance', instanceId, '--image-name', name],
  ];

  test('a build that is held ends with 4, is listed, and goes on with retry', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    await stack.cloud.fault({ action: 'CreateImage', contains: `cmd-${instanceId}`, kind: 'image-fails' });
    const built = await run('build', ...flags(instanceId), '--on-failure', 'hold');
    assert.equal(built.code, 4, built.stderr);
    assert.match(built.stdout, /is held\./);
    assert.match(
      built.stdout,
      /cvm-image retry build-image\/ap-guangzhou\/ins-\w+ +goes on with inspectSource, with a second down-time/,
    );
    const listed = JSON.parse((await run('list', '--held', '--json')).stdout) as {
      instanceId: string;
      phase: string;
      held: unknown;
    }[];
    assert.deepEqual(
      listed.filter((one) => one.instanceId === instanceId).map(({ phase, held }) => [phase, held]),
      [['held', { step: 'pollImage', code: 'ImageCreateFailed' }]],
    );
    const watched = linesOf(await run('watch', instanceId, '--json')).at(-1)!;
    assert.equal(watched.type, 'held');
    assert.equal((watched.held as { code: string }).code, 'ImageCreateFailed');
    assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);

    const wrong = await run('retry', instanceId, '--launch-zone', 'ap-guangzhou-3');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /launch: this build launches nothing/);
    noTrace(wrong);
    const retried = await run('retry', instanceId, '--image-name', `mended-${instanceId}`);
    assert.equal(retried.code, 0, retried.stderr);
    assert.match(retried.stdout, /a second down-time/);
    const made = await resourcesOf(stack.cloud, region, instanceId);
    assert.deepEqual(
      made.images.map(({ name }) => name),
      [`mended-${instanceId}`],
    );
    const late = await run('retry', instanceId);
    assert.equal(late.code, 2);
    assert.match(late.stderr, /over already/);
  });

  test('pause, resume and extend', async () => {
    const instanceId = await stack.instance({ region });
    const { met, release } = await stack.cloud.stall('DescribeDisks', instanceId);
    assert.equal((await run('build', ...flags(instanceId), '--detach')).code, 0);
    await until(async () => ((await met()) ? true : undefined));
    const paused = await run('pause', instanceId, '--reason', 'a deployment');
    assert.match(paused.stdout, /will pause before shutdownInstance/);
    assert.match((await run('pause', instanceId)).stderr, /paused already/);
    await release();
    await until(async () =>
      (await run('show', instanceId)).stdout.includes('paused before shutdownInstance (a deployment)')
        ? true
        : undefined,
    );
    assert.match((await run('extend', instanceId, '--by', '2h')).stdout, /deadline of build is 2 h 00 min later/);
    const wrong = await run('extend', instanceId, '--by', 'soon');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /--by: expected seconds, or a whole number with its unit/);
    assert.match(
      (await run('extend', instanceId, '--by', '1h', '--of', 'lunch')).stderr,
      /'lunch' is invalid. Allowed choices are build, hold, approve, room, inspectSource/,
    );
    assert.equal((await run('resume', instanceId)).code, 0);
    assert.equal((await run('watch', instanceId)).code, 0);
    assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);
  });

  test('build from a file, then list, show and open it', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const file = path.join(folder, 'build.yaml');
    const spec = [
      'region: ap-guangzhou',
      `instanceId: ${instanceId}`,
      'image:',
      `  name: file-${instanceId}`,
      '  family: web',
    ];
    writeFileSync(file, `${spec.join('\n')}\nlaunch:\n  zone: ap-guangzhou-3\n`);
    const built = await run('build', '--spec', file);
    assert.equal(built.code, 0, built.stderr);
    const made = await resourcesOf(stack.cloud, region, instanceId);
    assert.ok(built.stdout.includes(made.images[0]!.id), built.stdout);
    assert.ok(built.stdout.includes(made.instances[0]!.id));

    const shown = await run('show', instanceId, '--json');
    const view = JSON.parse(shown.stdout) as { status: string; steps: unknown[]; buildId: string; workflowId: string };
    assert.equal(view.status, 'completed');
    assert.equal(view.steps.length, 9);
    // Visibility follows the history by a moment.
    const listed = await until(async () => {
      const list = JSON.parse((await run('list', '--json', '--instance', instanceId)).stdout) as { phase: string }[];
      return list[0]?.phase === 'completed' ? list : undefined;
    });
    assert.equal(listed.length, 1);
    const opened = await run('open', view.buildId);
    assert.match(opened.stdout, /^http:\/\/\S+\/namespaces\/\S+\/workflows\/build-image%2F/);
    assert.match((await run('show', view.workflowId)).stdout, /pollImage/);
  });

  test('--json writes one object a line, the last with the result', async () => {
    const instanceId = await stack.instance({ region });
    const outcome = await run('build', ...flags(instanceId), '--json');
    assert.equal(outcome.code, 0, outcome.stderr);
    const lines = linesOf(outcome);
    assert.equal(lines[0]!.type, 'started');
    const last = lines.at(-1) as { type: string; exitCode: number; result: { image: { imageId: string } } };
    assert.deepEqual([last.type, last.exitCode], ['result', 0]);
    assert.match(last.result.image.imageId, /^img-/);
  });

  test('the same spec joins, another one is refused, cancelling ends with 5', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 2 });
    // Held in the first step, so that there is time to meet it.
    await stack.cloud.fault({
      action: 'DescribeDisks',
      contains: instanceId,
      kind: 'http-502',
      when: 'before',
      times: 100,
    });
    const first = await run('build', ...flags(instanceId), '--detach', '--json');
    assert.equal(first.code, 0, first.stderr);
    assert.equal(linesOf(first)[0]!.joined, false);
    const second = await run('build', ...flags(instanceId), '--on-failure', 'cleanup', '--detach', '--json');
    assert.equal(linesOf(second)[0]!.joined, true, 'defaults written out make no difference');
    assert.equal(linesOf(second)[0]!.buildId, linesOf(first)[0]!.buildId);
    const other = await run('build', ...flags(instanceId, 'another-name'), '--detach');
    assert.equal(other.code, 2);
    assert.match(other.stderr, /another spec/);
    noTrace(other);

    const watching = finishCommand(start('watch', instanceId));
    const cancelled = await run('cancel', instanceId, '--wait');
    assert.equal(cancelled.code, 0, cancelled.stderr);
    assert.equal((await watching).code, 5);
    await assertClean(stack.cloud, region, instanceId);
  });

  test('a build that fails ends with 1 and says what, why, and what to do', async () => {
    const instanceId = await stack.instance({ region });
    await stack.cloud.fault({
      action: 'CreateImage',
      contains: instanceId,
      kind: 'error',
      code: 'ImageQuotaLimitExceeded',
      message: 'The image quota is exceeded.',
    });
    const outcome = await run('build', ...flags(instanceId));
    assert.equal(outcome.code, 1);
    const said = outcome.stdout + outcome.stderr;
    assert.match(said, /createImage/);
    assert.match(said, /ImageQuotaLimitExceeded/);
    assert.match(said, /RequestId|[0-9a-f]{8}-[0-9a-f]{4}/);
    assert.match(said, /Delete custom images/);
    noTrace(outcome);
    assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);
  });

  test('Ctrl-C leaves, says how to come back, and the build goes on', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const child = start('build', ...flags(instanceId));
    const ended = finishCommand(child);
    await once(child.stdout, 'data');
    await until(async () => {
      const { source } = await resourcesOf(stack.cloud, region, instanceId);
      return source?.state === 'STOPPED' ? true : undefined;
    });
    child.kill('SIGINT');
    const outcome = await ended;
    assert.equal(outcome.code, 0);
    assert.match(outcome.stdout + outcome.stderr, /cvm-image watch/);
    assert.equal((await run('watch', instanceId)).code, 0);
    assert.equal((await resourcesOf(stack.cloud, region, instanceId)).images.length, 1);
  });

  test('what is refused says so, without a stack trace', async () => {
    const unknown = await run('show', 'ins-nowhere1');
    assert.equal(unknown.code, 2);
    noTrace(unknown);
    const refused = await run('build', ...flags('ins-nowhere1'));
    assert.equal(refused.code, 1);
    assert.match(refused.stdout + refused.stderr, /there is no instance ins-nowhere1 in ap-guangzhou/);
    noTrace(refused);
    const region9 = await run('build', '--region', 'ap-nowhere', '--instance', 'ins-nowhere1', '--image-name', 'x');
    assert.equal(region9.code, 1);
    assert.match(region9.stdout + region9.stderr, /UnsupportedRegion/);
    noTrace(region9);
  });
});
