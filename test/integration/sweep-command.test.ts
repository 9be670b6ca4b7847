import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type SweepReport, sweepWorkflowId, tagKeys } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { runCommand } from '../support/command';
import { region } from '../support/images';
import { assertClean, resourcesOf, until } from '../support/judge';

/** `cvm-image sweep` as a process of its own, against a real server and worker. */
describe('cvm-image sweep', () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
  });
  after(() => stack.stop());

  const run = (...args: string[]) =>
    runCommand(['sweep', ...args], {
      TEMPORAL_ADDRESS: stack.temporal.address,
      TEMPORAL_NAMESPACE: stack.temporal.namespace,
      CVM_IMAGE_TASK_QUEUE: stack.taskQueue,
    });
  const swept = ['--region', region, '--grace', '0s'];

  test('shows, changes nothing, acts with --apply, and finds nothing any more', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const { met, release } = await stack.cloud.stall('CreateImage', instanceId.slice(4));
    const build = await stack.start({ region, instanceId, image: { name: `swept-${instanceId}` } });
    await until(async () => ((await met()) ? true : undefined));
    const working = await run(...swept);
    assert.match(working.stdout, new RegExp(`Nothing is left over[^]+left alone: ${instanceId.slice(4)}-`));
    await build.terminate('a test');

    const shown = await until(async () => {
      const outcome = await run(...swept);
      assert.equal(outcome.code, 0, outcome.stderr);
      return outcome.stdout.includes('2 to be put right') ? outcome : undefined;
    });
    assert.match(shown.stdout, /^WHAT +ID +BUILD +AGE +SIZE +TO DO +WHY\n/);
    assert.match(shown.stdout, new RegExp(`instance +${instanceId} .+ start +its build was terminated \\d+ s ago`));
    assert.match(shown.stdout, /snapshot +snap-\w+ .+ GiB +delete +its build was terminated/);
    assert.match(shown.stdout, /Nothing was changed\. 2 to be put right: repeat it with --apply\./);
    const { source, snapshots } = await resourcesOf(stack.cloud, region, instanceId);
    assert.deepEqual([source!.state, snapshots.length], ['STOPPED', 1]);
    assert.ok(source!.tags[tagKeys.restore]);

    const spared = JSON.parse((await run('--region', region, '--apply', '--json')).stdout) as SweepReport;
    assert.deepEqual([spared.grace, spared.applied], [3600, true]);
    assert.ok(spared.leftovers.every(({ plan, outcome }) => plan === 'report' && outcome === undefined));
    assert.equal((await resourcesOf(stack.cloud, region, instanceId)).source!.state, 'STOPPED');

    const acted = await run(...swept, '--apply');
    await release();
    assert.equal(acted.code, 0, acted.stdout + acted.stderr);
    assert.match(
      acted.stdout,
      new RegExp(`Workflow ${sweepWorkflowId(region)}\n[^]+instance +${instanceId} .+ started`),
    );
    assert.match(acted.stdout, /snapshot +snap-\w+ .+ deleted[^]+2 put right\./);
    await assertClean(stack.cloud, region, instanceId);
    const again = await run(...swept, '--apply');
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /Nothing is left over/);
  });

  test('what cannot be deleted is left, said, and fails the command', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const { met, release } = await stack.cloud.stall('CreateImage', instanceId.slice(4));
    const build = await stack.start({ region, instanceId, image: { name: `swept-${instanceId}` } });
    await until(async () => ((await met()) ? true : undefined));
    await build.terminate('a test');
    const [snapshot] = (await resourcesOf(stack.cloud, region, instanceId)).snapshots;
    const refused = { kind: 'error', code: 'UnauthorizedOperation', message: 'not today', when: 'before', times: 1000 };
    const fault = await stack.cloud.fault({ action: 'DeleteSnapshots', contains: snapshot!.id, ...refused });
    const outcome = await until(async () => {
      const one = await run(...swept, '--apply');
      return one.code === 1 ? one : undefined;
    });
    assert.match(
      outcome.stdout,
      /snapshot +snap-\w+ .+ left +DeleteSnapshots: not today[^]+1 left: the next sweep tries again/,
    );
    await stack.cloud.send('DELETE', `faults/${fault}`);
    await release();
    assert.equal((await run(...swept, '--apply', '--json')).code, 0);
    await assertClean(stack.cloud, region, instanceId);
  });

  test('--every sets up a schedule that does not overlap, changes it, and removes it', async () => {
    const set = await run('--region', region, '--every', '1h');
    assert.equal(set.code, 0, set.stderr);
    assert.match(set.stdout, /is swept every 1h, the next time at 20/);
    const handle = stack.client.schedule.getHandle(sweepWorkflowId(region));
    const first = await handle.describe();
    assert.equal(first.policies.overlap, 'SKIP');
    assert.equal(first.spec.intervals![0]!.every, 3_600_000);
    await handle.trigger('SKIP');
    const [ran] = await until(async () => {
      const { recentActions } = (await handle.describe()).info;
      return recentActions.length > 0 ? recentActions : undefined;
    });
    const report = (await stack.client.workflow.getHandle(ran!.action.workflow.workflowId).result()) as SweepReport;
    assert.deepEqual([report.region, report.applied, report.grace], [region, true, 3600]);

    const changed = await run('--region', region, '--every', '30m', '--grace', '2h', '--json');
    assert.equal((JSON.parse(changed.stdout) as { changed: boolean }).changed, true);
    assert.equal((await handle.describe()).spec.intervals![0]!.every, 1_800_000);
    assert.match((await run('--region', region, '--every', 'off')).stdout, /no longer swept/);
    await assert.rejects(handle.describe());
    const off = await run('--region', region, '--every', 'off');
    assert.equal(off.code, 0);
    assert.match(off.stdout, /has no schedule/);
  });

  test('--apply without a worker says so soon, and another one does not take its place', async () => {
    const elsewhere = 'ap-shanghai';
    const alone = await run('--region', elsewhere, '--apply', '--task-queue', 'nobody-polls-this');
    assert.equal(alone.code, 1);
    assert.match(alone.stderr, /No worker takes work from task queue nobody-polls-this[^]+The sweep waits for it/);
    // That one is still open: the same joins it, another does not.
    const same = await run('--region', elsewhere, '--apply', '--grace', '1h', '--task-queue', 'nobody-polls-this');
    assert.match(same.stderr, /The sweep waits for it/);
    const other = await run('--region', elsewhere, '--apply', '--grace', '5m');
    assert.equal(other.code, 2);
    assert.match(
      other.stderr,
      /Another sweep of ap-shanghai is running \(grace 1 h 00 min\): \S+ Nothing was started\./,
    );
    await stack.client.workflow.getHandle(sweepWorkflowId(elsewhere)).terminate();
  });

  test('wrong flags are said, without a trace', async () => {
    const cases: [string[], RegExp][] = [
      [[], /--region/],
      [['--region', region, '--every', 'often'], /--every: expected seconds, or a whole number/],
      [['--region', region, '--every', '1s'], /--every: expected at least 60 s/],
      [['--region', region, '--grace', '1w'], /--grace: expected/],
      [['--region', region, '--every', '1h', '--apply'], /cannot be used with/],
    ];
    for (const [args, text] of cases) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, text);
      assert.doesNotMatch(stderr, /\n\s+at .+:\d+:\d+/);
    }
  });
});
