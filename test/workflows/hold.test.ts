import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { type BuildSpecInput, type Notification, retryStepUpdate, tagKeys } from '../../contract';
import { type BuildStack, startBuildStack, testDurations } from '../support/build-stack';
import { assertClean, assertSource, failureOf, ids, resourcesOf, until, untilProgress } from '../support/judge';
import { startWebhook, webhookKey } from '../support/webhook';

const region = 'ap-guangzhou';
const launch = { zone: 'ap-guangzhou-3' };

describe('a build that is held', { concurrency: 4 }, () => {
  let stack: BuildStack;
  let webhook: Awaited<ReturnType<typeof startWebhook>>;
  before(async () => {
    webhook = await startWebhook();
    stack = await startBuildStack({ settings: { webhooks: { ops: { url: webhook.url, key: webhookKey } } } });
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(async () => {
    await stack.stop();
    await webhook.stop();
  });

  const start = (instanceId: string, spec: Partial<BuildSpecInput> = {}) =>
    stack.start({ region, instanceId, image: { name: `held-${instanceId}` }, onFailure: 'hold', ...spec });
  type Handle = Awaited<ReturnType<typeof start>>;
  const held = async (handle: Handle) => (await untilProgress(handle, ({ phase }) => phase === 'held')).held!;
  const retry = (handle: Handle, amendment: object = {}) =>
    handle.executeUpdate(retryStepUpdate, { args: [amendment] });
  const stops = async (instanceId: string) =>
    (await stack.cloud.calls({ action: 'StopInstances' })).filter(
      ({ resources, outcome }) => resources.includes(instanceId) && outcome === 'OK',
    ).length;

  test('has its source up, and begins again at the shutdown with new snapshots, under another name', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 2 });
    const fired = await stack.cloud.armed({
      action: 'CreateImage',
      contains: `held-${instanceId}`,
      kind: 'image-fails',
    });
    const handle = await start(instanceId, { launch });
    const about = await held(handle);
    await fired();
    assert.equal(about.step, 'pollImage');
    assert.equal(about.code, 'ImageCreateFailed');
    assert.deepEqual([about.retryFrom, about.secondDownTime], ['inspectSource', true]);
    const first = await until(async () => {
      const now = await resourcesOf(stack.cloud, region, instanceId);
      return now.source?.state === 'RUNNING' && now.source.tags[tagKeys.restore] === undefined ? now : undefined;
    });
    assert.deepEqual([first.images.length, first.snapshots.length], [1, 2]);

    const answer = await retry(handle, { name: `mended-${instanceId}`, description: 'mended', tags: { a: 'b' } });
    assert.deepEqual(answer, { from: 'inspectSource', secondDownTime: true });
    const result = await handle.result();
    assert.equal(result.image.name, `mended-${instanceId}`);
    assert.equal(result.source.downTimes?.length, 2);
    assert.equal(result.source.downTimeSeconds, result.source.downTimes[0]! + result.source.downTimes[1]!);
    assert.equal(await stops(instanceId), 2);
    const made = await resourcesOf(stack.cloud, region, instanceId);
    assertSource(made.source);
    assert.deepEqual(ids(made.images), [result.image.imageId]);
    assert.deepEqual([made.images[0]!.description, made.images[0]!.tags.a], ['mended', 'b']);
    assert.deepEqual(ids(made.snapshots), result.snapshots.map(({ snapshotId }) => snapshotId).sort());
    assert.deepEqual(ids(made.instances), [result.instance!.instanceId]);
    // The result lists what the first try made, too.
    const fates = new Map(result.resources.map(({ id, fate }) => [id, fate]));
    for (const id of [...ids(first.images), ...ids(first.snapshots)]) assert.equal(fates.get(id), 'deleted');
    const { steps } = await untilProgress(handle, () => true);
    assert.equal(steps.find(({ step }) => step === 'createImage')!.generation, 2);
  });

  test('with method snapshots, only the image is made again: no second down-time', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const fired = await stack.cloud.armed({
      action: 'CreateImage',
      contains: `held-${instanceId}`,
      kind: 'image-fails',
    });
    const handle = await start(instanceId, { method: 'snapshots' });
    const about = await held(handle);
    await fired();
    assert.deepEqual([about.retryFrom, about.secondDownTime], ['createImage', false]);
    const before = await resourcesOf(stack.cloud, region, instanceId);
    await retry(handle);
    const result = await handle.result();
    assert.equal(await stops(instanceId), 1);
    const made = await resourcesOf(stack.cloud, region, instanceId);
    assert.deepEqual(ids(made.snapshots), ids(before.snapshots));
    assert.deepEqual(ids(made.images), [result.image.imageId]);
    assert.notDeepEqual(ids(made.images), ids(before.images));
  });

  test('a launch is tried again with other settings; the image stays', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const contains = `/${instanceId.slice(4)}-`;
    const fired = await stack.cloud.armed({ action: 'RunInstances', kind: 'launch-fails', contains });
    const handle = await start(instanceId, { launch });
    const about = await held(handle);
    await fired();
    assert.equal(about.retryFrom, 'launchInstance');
    const before = await resourcesOf(stack.cloud, region, instanceId);
    assert.equal(before.images[0]!.tags[tagKeys.state], 'kept');
    await assert.rejects(retry(handle, { name: 'another' }), (error: Error) => {
      assert.match(String(error.cause), /the image is made already; only launch can be amended/);
      return true;
    });
    await retry(handle, { launch: { name: 'second-try' } });
    const result = await handle.result();
    const made = await resourcesOf(stack.cloud, region, instanceId);
    assert.deepEqual(ids(made.images), ids(before.images));
    const running = made.instances.filter(({ state }) => state === 'RUNNING');
    assert.deepEqual(ids(running), [result.instance!.instanceId]);
    assert.equal(result.instance!.name, 'second-try');
    assert.equal(await stops(instanceId), 1);
  });

  test('what is refused before anything is touched is mended before anything is touched', async () => {
    const instanceId = await stack.instance({ region });
    await stack.cloud.seed({
      images: [
        { region, name: `held-${instanceId}` },
        { region, name: `too-${instanceId}` },
      ],
    });
    const handle = await start(instanceId);
    const about = await held(handle);
    assert.deepEqual([about.code, about.secondDownTime], ['InvalidImageName.Duplicate', false]);
    // The next name is taken, too: it is held again.
    await retry(handle, { name: `too-${instanceId}` });
    await untilProgress(handle, ({ held: again }) => again?.message.includes(`too-${instanceId}`) === true);
    assert.equal(await stops(instanceId), 0);
    await retry(handle, { name: `free-${instanceId}` });
    const result = await handle.result();
    assert.equal(result.image.name, `free-${instanceId}`);
    assert.equal(result.source.downTimes, undefined);
  });

  // Each step that can be refused, and how: the build is held, and a retry brings it to its end.
  const refusals: [string, { action: string; [field: string]: unknown }, Partial<BuildSpecInput>?][] = [
    ['inspectSource', { action: 'DescribeDisks', code: 'UnauthorizedOperation' }],
    ['checkQuota', { action: 'DescribeImageQuota', code: 'UnauthorizedOperation' }],
    ['shutdownInstance', { action: 'StopInstances', kind: 'soft-stop-fails' }, { stopType: 'SOFT' }],
    ['snapshotDisks', { action: 'CreateSnapshot', code: 'InvalidDisk.NotSupportSnapshot' }],
    ['createImage', { action: 'CreateImage', code: 'ImageQuotaLimitExceeded' }],
    ['keepResources', { action: 'TagResources', code: 'InvalidParameterValue.TagKeyNotFound' }],
    ['launchInstance', { action: 'RunInstances', code: 'InvalidParameterValue.IllegalHostName' }, { launch }],
  ];
  for (const [step, refusal, spec] of refusals) {
    test(`goes on after ${step} was refused`, async () => {
      // Of its own region where the request does not tell whose it is.
      const place = { checkQuota: 'ap-shanghai', keepResources: 'ap-singapore' }[step] ?? region;
      const instanceId = await stack.instance({ region: place, dataDisks: 1 });
      const contains = {
        checkQuota: undefined,
        keepResources: `:${place}:uin/100000000001:image/`,
        inspectSource: instanceId,
        shutdownInstance: instanceId,
      };
      const only = step in contains ? contains[step as keyof typeof contains] : `/${instanceId.slice(4)}-`;
      const fired = await stack.cloud.armed({
        // A message goes with an error only, which is the kind of those that name none.
        ...('kind' in refusal ? {} : { kind: 'error', message: 'refused by the test' }),
        ...refusal,
        ...(only === undefined ? { region: place } : { contains: only }),
      });
      const handle = await start(instanceId, { region: place, ...spec });
      const about = await held(handle);
      await fired();
      assert.equal(about.step, step);
      await retry(handle);
      const result = await handle.result();
      const made = await resourcesOf(stack.cloud, place, instanceId);
      assertSource(made.source);
      assert.deepEqual(ids(made.images), [result.image.imageId]);
      assert.equal(made.snapshots.length, 1);
      assert.equal(made.images[0]!.tags[tagKeys.state], 'kept');
    });
  }

  test('cleans up when nobody mends it in time', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const fired = await stack.cloud.armed({
      action: 'CreateImage',
      contains: `held-${instanceId}`,
      kind: 'image-fails',
    });
    const failure = await failureOf(await start(instanceId, { deadlines: { hold: 1 } }));
    await fired();
    assert.equal(failure.code, 'ImageCreateFailed');
    assert.match(failure.message, /held for 1 s, and nobody asked for a retry/);
    await assertClean(stack.cloud, region, instanceId);
  });

  test('with an image that is usable, since its source does not come up: nothing is made or stopped again', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const { met, release } = await stack.cloud.stall('StartInstances', instanceId);
    const handle = await start(instanceId, { restartSource: 'when-allowed', deadlines: { build: 6 }, launch });
    await until(async () => ((await met()) ? true : undefined));
    const about = await held(handle);
    assert.deepEqual([about.step, about.code, about.imageStays], ['restoreInstance', 'DeadlineExceeded', true]);
    assert.deepEqual([about.retryFrom, about.secondDownTime], ['keepResources', false]);
    // Whatever becomes of the build while it is held, no sweep takes the image.
    const { images } = await resourcesOf(stack.cloud, region, instanceId);
    assert.deepEqual(
      images.map(({ state, tags }) => [state, tags[tagKeys.state]]),
      [['NORMAL', 'kept']],
    );
    await release();
    await untilProgress(handle, ({ sourceDownSince }) => sourceDownSince === undefined);
    await retry(handle);
    const result = await handle.result();
    assert.equal(await stops(instanceId), 1);
    const made = await resourcesOf(stack.cloud, region, instanceId);
    assertSource(made.source);
    assert.deepEqual(ids(made.images), [result.image.imageId]);
    assert.deepEqual(ids(made.images), ids(images));
    assert.deepEqual(ids(made.snapshots), result.snapshots.map(({ snapshotId }) => snapshotId).sort());
    assert.deepEqual(
      result.resources.filter(({ fate }) => fate !== 'kept'),
      [],
    );
  });

  test('by the deadline of the whole build gets the whole time again', async () => {
    const instanceId = await stack.instance({ region });
    const { release } = await stack.cloud.stall('CreateImage', `held-${instanceId}`);
    const handle = await start(instanceId, { deadlines: { build: 12 } });
    const about = await held(handle);
    assert.equal(about.code, 'DeadlineExceeded');
    await release();
    await untilProgress(handle, ({ sourceDownSince }) => sourceDownSince === undefined);
    await handle.executeUpdate('extendDeadline', { args: [{ seconds: 600 }] });
    await retry(handle);
    await handle.result();
    assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);
  });

  test('by the deadline of the whole build can be cancelled, and is cancelled then', async () => {
    const instanceId = await stack.instance({ region });
    const { release } = await stack.cloud.stall('CreateImage', `held-${instanceId}`);
    const handle = await start(instanceId, { deadlines: { build: 12 } });
    await held(handle);
    await release();
    await handle.cancel();
    const failure = await failureOf(handle);
    assert.equal(failure.cancelled, true);
    assert.match(failure.message, /cancelled while it was held after .*the build was not done after 12 s/);
    await assertClean(stack.cloud, region, instanceId);
  });

  test('does not take the image of an earlier try for its own, when that cannot be removed', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    await stack.cloud.armed({ action: 'CreateImage', contains: `held-${instanceId}`, kind: 'image-fails' });
    const handle = await start(instanceId, { deadlines: { undo: 1, createImage: 3 } });
    const first = await held(handle);
    const before = await resourcesOf(stack.cloud, region, instanceId);
    const imageId = before.images[0]!.id;
    const denied = await stack.cloud.fault({
      action: 'DeleteImages',
      contains: imageId,
      kind: 'error',
      code: 'UnauthorizedOperation',
      message: 'You are not authorized to perform the operation.',
      times: 1_000_000,
    });
    await retry(handle);
    const second = await untilProgress(handle, ({ held: again }) => again !== undefined && again.since !== first.since);
    assert.equal(second.held!.step, 'createImage');
    assert.deepEqual(ids((await resourcesOf(stack.cloud, region, instanceId)).images), [imageId]);
    const { fired } = (await stack.cloud.send('DELETE', `faults/${denied}`)) as { fired: number };
    assert.ok(fired > 0);
    await handle.executeUpdate('extendDeadline', { args: [{ of: 'createImage', seconds: 600 }] });
    await retry(handle);
    const result = await handle.result();
    const made = await resourcesOf(stack.cloud, region, instanceId);
    assert.deepEqual(ids(made.images), [result.image.imageId]);
    assert.notEqual(result.image.imageId, imageId);
    assert.deepEqual(
      ids(made.snapshots),
      result.snapshots.map(({ snapshotId }) => snapshotId),
    );
  });

  test('a launch that failed is not taken for the next one, though the cloud goes on showing it', async () => {
    const durations = { ...testDurations, failedLaunch: 360_000 };
    const other = await startBuildStack({ simulator: { durations } });
    try {
      const instanceId = 'ins-launch01';
      await other.cloud.seed({ instances: [{ id: instanceId, region, dataDisks: 1 }] });
      const image = { name: 'shown-for-long' };
      const id = await other.cloud.fault({ action: 'RunInstances', kind: 'launch-fails', contains: '/launch01-' });
      const handle = await other.start({ region, instanceId, image, launch, onFailure: 'hold' });
      await held(handle);
      await retry(handle);
      const result = await handle.result();
      assert.ok(
        (await other.cloud.calls()).some(({ faults }) => faults.includes(id)),
        'the fault fired',
      );
      const made = await resourcesOf(other.cloud, region, instanceId);
      const states = Object.fromEntries(made.instances.map((one) => [one.id, one.state]));
      assert.equal(states[result.instance!.instanceId], 'RUNNING');
      assert.deepEqual(Object.values(states).sort(), ['LAUNCH_FAILED', 'RUNNING']);
    } finally {
      await other.stop();
    }
  });

  test('is told to the webhook: signed, again until it is taken, with one ID', async () => {
    const instanceId = await stack.instance({ region });
    await stack.cloud.armed({ action: 'CreateImage', contains: `held-${instanceId}`, kind: 'image-fails' });
    const handle = await start(instanceId, { notify: 'ops' });
    await held(handle);
    const deliveries = await until(() => {
      const all = webhook.deliveries.filter(({ body }) => body.includes(instanceId));
      return Promise.resolve(all.length >= 2 ? all : undefined);
    });
    // The first was answered with 500.
    assert.equal(new Set(deliveries.map(({ headers }) => headers['webhook-id'])).size, 1);
    for (const { body, headers } of deliveries) {
      const event = new Webhook(webhookKey).verify(body, headers as Record<string, string>) as Notification;
      assert.equal(event.type, 'build.held');
      assert.equal(event.data.workflowId, handle.workflowId);
      assert.equal(event.data.code, 'ImageCreateFailed');
      assert.match(event.data.advice!, /Try again/);
    }
    const history = JSON.stringify(await handle.fetchHistory());
    for (const secret of [webhookKey, webhook.url]) assert.ok(!history.includes(secret), 'no secret in the history');
    await handle.cancel();
    await failureOf(handle);
    await assertClean(stack.cloud, region, instanceId);
  });

  test('a source that is down for long is told to the webhook', async () => {
    const instanceId = await stack.instance({ region });
    const { met, release } = await stack.cloud.stall('CreateImage', `held-${instanceId}`);
    const handle = await start(instanceId, { notify: 'ops', deadlines: { sourceDown: 1 } });
    await until(async () => ((await met()) ? true : undefined));
    await until(() => {
      const told = webhook.deliveries.find(({ body }) => body.includes(instanceId));
      return Promise.resolve(
        told && (JSON.parse(told.body) as Notification).type === 'build.source-down' ? true : undefined,
      );
    });
    await release();
    await handle.result();
  });

  test('a webhook that the worker does not have is refused before anything is touched', async () => {
    const instanceId = await stack.instance({ region });
    const failure = await failureOf(await start(instanceId, { notify: 'nobody', onFailure: 'cleanup' }));
    assert.equal(failure.code, 'NoSuchWebhook');
    assert.match(failure.advice!, /it has ops/);
    assert.equal(await stops(instanceId), 0);
  });
});
