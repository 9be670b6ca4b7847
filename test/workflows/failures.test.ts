import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type StepName, stepNames } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { assertClean, assertSource, failureOf, ids, resourcesOf, until, untilProgress } from '../support/judge';

const region = 'ap-guangzhou';
const launch = { zone: 'ap-guangzhou-3' };

describe('a build that does not end well', { concurrency: true }, () => {
  let stack: BuildStack;
  before(async () => {
    // A call whose answer is late is not given up before its step's deadline.
    stack = await startBuildStack({ settings: { requestTimeoutSeconds: 60 } });
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  test('an image that is CREATEFAILED fails at once and leaves nothing', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 2 });
    const name = `failed-${instanceId}`;
    const fired = await stack.cloud.armed({ action: 'CreateImage', contains: name, kind: 'image-fails' });
    const failure = await failureOf(await stack.start({ region, instanceId, image: { name }, launch }));
    await fired();
    assert.equal(failure.code, 'ImageCreateFailed');
    assert.equal(failure.step, 'pollImage');
    assert.ok(failure.resources.length >= 3);
    assert.ok(failure.resources.every(({ fate }) => fate === 'deleted'));
    await assertClean(stack.cloud, region, instanceId);
  });

  test('onFailure: keep leaves what was made, tags and lists it, and starts the source', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const name = `keep-${instanceId}`;
    const fired = await stack.cloud.armed({ action: 'CreateImage', contains: name, kind: 'image-fails' });
    const failure = await failureOf(await stack.start({ region, instanceId, image: { name }, onFailure: 'keep' }));
    await fired();
    const left = await resourcesOf(stack.cloud, region, instanceId);
    assertSource(left.source);
    assert.equal(left.snapshots.length, 1);
    assert.equal(left.images.length, 1);
    const kept = failure.resources.filter(({ fate }) => fate === 'kept').map(({ id }) => id);
    assert.deepEqual(kept.sort(), [...ids(left.images), ...ids(left.snapshots)].sort());
    assert.equal(left.snapshots[0]!.tags['cvm-image-builder/state'], 'kept');
  });

  const untold: [StepName, action: string][] = [
    ['snapshotDisks', 'CreateSnapshot'],
    ['createImage', 'CreateImage'],
    ['launchInstance', 'RunInstances'],
  ];
  for (const [step, action] of untold) {
    test(`onFailure: keep lists and tags what ${step} made and could not tell`, async () => {
      const instanceId = await stack.instance({ region, dataDisks: 1 });
      // The answer comes when the step's time is over: nobody is told what was made.
      const late = { kind: 'delay', when: 'after', milliseconds: 20_000, ...only(instanceId) };
      const fired = await stack.cloud.armed({ action, ...late });
      const image = { name: `untold-${instanceId}` };
      const deadlines = { [step]: 10 };
      const failure = await failureOf(
        await stack.start({ region, instanceId, image, launch, deadlines, onFailure: 'keep' }),
      );
      await fired();
      assert.equal(failure.step, step);
      assert.equal(failure.code, 'DeadlineExceeded');
      const { source, images, snapshots, instances, disks } = await resourcesOf(stack.cloud, region, instanceId);
      assertSource(source);
      const made = [...images, ...snapshots, ...instances, ...disks];
      assert.ok(
        { snapshotDisks: snapshots, createImage: images, launchInstance: instances }[step as string]!.length === 1,
      );
      const kept = failure.resources.filter(({ fate }) => fate === 'kept').map(({ id }) => id);
      assert.deepEqual(
        ids(made).filter((id) => !kept.includes(id)),
        [],
      );
      for (const one of made) assert.equal(one.tags['cvm-image-builder/state'], 'kept', one.id);
    });
  }

  test('an image that never finishes ends at its deadline; what the cloud does not delete is a leftover', async () => {
    const instanceId = await stack.instance({ region });
    const name = `stuck-${instanceId}`;
    const fired = await stack.cloud.armed({ action: 'CreateImage', contains: name, kind: 'image-never-finishes' });
    const failure = await failureOf(
      await stack.start({
        region,
        instanceId,
        image: { name },
        method: 'snapshots',
        deadlines: { pollImage: 4, undo: 4 },
      }),
    );
    await fired();
    assert.equal(failure.code, 'DeadlineExceeded');
    assert.match(failure.message, /CREATING/);
    assert.ok(failure.resources.some(({ type, fate }) => type === 'image' && fate === 'leftover'));
    assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);
  });

  test('the deadline of the whole build', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const failure = await failureOf(
      await stack.start({ region, instanceId, image: { name: `late-${instanceId}` }, deadlines: { build: 1 } }),
    );
    assert.equal(failure.code, 'DeadlineExceeded');
    assert.match(failure.advice!, /deadlines.build/);
    await assertClean(stack.cloud, region, instanceId);
  });

  test('a soft stop that fails leaves the source running', async () => {
    const instanceId = await stack.instance({ region });
    const fired = await stack.cloud.armed({ action: 'StopInstances', contains: instanceId, kind: 'soft-stop-fails' });
    const image = { name: `soft-${instanceId}` };
    const failure = await failureOf(await stack.start({ region, instanceId, image, stopType: 'SOFT' }));
    await fired();
    assert.equal(failure.code, 'StopFailed');
    await assertClean(stack.cloud, region, instanceId);
  });

  test('a stop that is ignored is asked for again', async () => {
    const instanceId = await stack.instance({ region });
    const fired = await stack.cloud.armed({ action: 'StopInstances', contains: instanceId, kind: 'stop-ignored' });
    const result = await (await stack.start({ region, instanceId, image: { name: `again-${instanceId}` } })).result();
    await fired();
    assert.ok(result.image.imageId);
    assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);
  });

  test('a launch that fails after the commit point keeps image and snapshots', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const name = `launch-${instanceId}`;
    const fired = await stack.cloud.armed({ action: 'RunInstances', kind: 'launch-fails', ...only(instanceId) });
    const failure = await failureOf(await stack.start({ region, instanceId, image: { name }, launch }));
    await fired();
    assert.equal(failure.code, 'LaunchFailed');
    const left = await resourcesOf(stack.cloud, region, instanceId);
    assertSource(left.source);
    assert.deepEqual(
      left.images.map(({ state }) => state),
      ['NORMAL'],
    );
    assert.equal(left.images[0]!.tags['cvm-image-builder/state'], 'kept');
    assert.equal(left.snapshots.length, 1);
    assert.deepEqual(
      left.instances.filter(({ state }) => state !== 'LAUNCH_FAILED'),
      [],
    );
    assert.deepEqual(left.disks, []);
    const fates = failure.resources
      .filter(({ type }) => type === 'image' || type === 'snapshot')
      .map(({ fate }) => fate);
    assert.ok(fates.length >= 2 && fates.every((fate) => fate === 'kept'), fates.join());
  });

  test('sold out after the first change is tried again until it is mended', async () => {
    const instanceId = await stack.instance({ region });
    const fired = await stack.cloud.armed({
      action: 'RunInstances',
      kind: 'error',
      code: 'ResourcesSoldOut.SpecifiedInstanceType',
      message: 'The specified type of instance is understocked.',
      times: 2,
      ...only(instanceId),
    });
    const handle = await stack.start({ region, instanceId, image: { name: `sold-${instanceId}` }, launch });
    const result = await handle.result();
    await fired();
    assert.ok(result.instance);
    assert.equal((await resourcesOf(stack.cloud, region, instanceId)).instances.length, 1);
  });

  test('no permission before the first change is refused at once', async () => {
    const instanceId = await stack.instance({ region });
    const fired = await stack.cloud.armed({
      action: 'TagResources',
      contains: instanceId,
      kind: 'error',
      code: 'UnauthorizedOperation',
      message: 'You are not authorized to perform the operation.',
    });
    const failure = await failureOf(await stack.start({ region, instanceId, image: { name: `cam-${instanceId}` } }));
    await fired();
    assert.equal(failure.code, 'UnauthorizedOperation');
    assert.ok(failure.requestId);
    assert.match(failure.advice!, /Grant/);
    await assertClean(stack.cloud, region, instanceId);
  });

  test('a quota that fills between check and create is refused, and all is undone', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const name = `quota-${instanceId}`;
    const fired = await stack.cloud.armed({
      action: 'CreateImage',
      contains: name,
      kind: 'error',
      code: 'ImageQuotaLimitExceeded',
      message: 'The image quota is exceeded.',
    });
    const failure = await failureOf(await stack.start({ region, instanceId, image: { name } }));
    await fired();
    assert.equal(failure.code, 'ImageQuotaLimitExceeded');
    await assertClean(stack.cloud, region, instanceId);
  });

  test('a source that an earlier build left down is started, even when this build is refused', async () => {
    const tags = { 'cvm-image-builder/restore': 'test/earlier-000000000001' };
    const instanceId = await stack.instance({ region, state: 'STOPPED', tags });
    const name = `claimed-${instanceId}`;
    await stack.cloud.seed({ images: [{ region, name }] });
    const failure = await failureOf(await stack.start({ region, instanceId, image: { name } }));
    assert.equal(failure.code, 'InvalidImageName.Duplicate');
    assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);
  });

  test('a launch whose tags are refused is undone', async () => {
    // In a region of its own: the ID of the launched instance, which would tell its calls apart, is not known before.
    const elsewhere = 'ap-shanghai';
    const instanceId = await stack.instance({ region: elsewhere });
    const fired = await stack.cloud.armed({
      action: 'TagResources',
      // TAG knows no region but the one in the resource's name.
      contains: `:${elsewhere}:uin/100000000001:volume/`,
      kind: 'error',
      code: 'InvalidParameterValue.TagKeyNotFound',
      message: 'no such tag key',
    });
    const spec = { region: elsewhere, instanceId, image: { name: `tags-${instanceId}` } };
    const failure = await failureOf(await stack.start({ ...spec, launch: { zone: 'ap-shanghai-3' } }));
    await fired();
    assert.equal(failure.step, 'launchInstance');
    const left = await resourcesOf(stack.cloud, elsewhere, instanceId);
    assertSource(left.source);
    assert.equal(left.images[0]!.tags['cvm-image-builder/state'], 'kept');
    assert.deepEqual([left.instances, left.disks], [[], []]);
  });

  test('a restore tag that may not be removed does not hold the build up', async () => {
    const instanceId = await stack.instance({ region });
    const fired = await stack.cloud.refuseUntagging(instanceId);
    const handle = await stack.start({ region, instanceId, image: { name: `untag-${instanceId}` } });
    await handle.result();
    await fired();
    const { steps } = await untilProgress(handle, () => true);
    assert.match(steps.find(({ step }) => step === 'restoreInstance')!.note!, /restore tag is still there/);
    const { source } = await resourcesOf(stack.cloud, region, instanceId);
    assert.equal(source!.state, 'RUNNING');
  });

  const cancellable: StepName[] = [
    'inspectSource',
    'shutdownInstance',
    'snapshotDisks',
    'createImage',
    'pollImage',
    'restoreInstance',
    'launchInstance',
  ];
  assert.ok(cancellable.every((step) => stepNames.includes(step)));
  for (const step of cancellable) {
    test(`cancelled during ${step}`, async () => {
      const instanceId = await stack.instance({ region, dataDisks: 2 });
      // A call of the step is held until the cancellation has been asked for, however slow the machine.
      const holds: Partial<Record<StepName, Record<string, string>>> = {
        inspectSource: { action: 'DescribeDisks', contains: instanceId },
        shutdownInstance: { action: 'StopInstances', contains: instanceId },
        snapshotDisks: { action: 'CreateSnapshot', ...only(instanceId) },
        createImage: { action: 'CreateImage', contains: `cancel-${instanceId}` },
        restoreInstance: { action: 'StartInstances', contains: instanceId },
        launchInstance: { action: 'RunInstances', ...only(instanceId) },
      };
      const held = holds[step];
      const paused = held && (await stack.cloud.fault({ ...held, kind: 'pause', when: 'before' }));
      // An image takes no time here: it is kept from finishing until the build is cancelled, not to pass the commit point.
      const name = `cancel-${instanceId}`;
      if (step === 'pollImage')
        await stack.cloud.armed({ action: 'CreateImage', contains: name, kind: 'image-never-finishes' });
      const handle = await stack.start({ region, instanceId, image: { name }, launch });
      await untilProgress(handle, ({ steps }) => steps.find((one) => one.step === step)?.state === 'running');
      if (paused !== undefined) {
        await until(async () => {
          const { fired } = (await stack.cloud.send('GET', `faults/${paused}`)) as { fired: number };
          return fired > 0 ? true : undefined;
        });
      }
      await handle.cancel();
      if (paused !== undefined) {
        await until(async () =>
          (await handle.describe()).raw.workflowExtendedInfo?.cancelRequested === true ? true : undefined,
        );
        await stack.cloud.send('POST', `faults/${paused}/release`);
      }
      if (step === 'pollImage') {
        await untilProgress(handle, ({ undo }) => undo.some((one) => one.name === 'undoCreateImage'));
        const { images } = await resourcesOf(stack.cloud, region, instanceId);
        assert.equal(images[0]!.state, 'CREATING');
        await stack.cloud.send('POST', 'interfere', { act: 'finish-image', id: images[0]!.id });
      }
      const failure = await failureOf(handle);
      assert.equal(failure.cancelled, true);
      if (step === 'restoreInstance' || step === 'launchInstance') {
        const left = await resourcesOf(stack.cloud, region, instanceId);
        assertSource(left.source);
        assert.equal(left.images.length, 1);
        assert.equal(left.snapshots.length, 2);
        await until(async () => {
          const { instances, disks } = await resourcesOf(stack.cloud, region, instanceId);
          return instances.length + disks.length === 0 ? true : undefined;
        });
      } else {
        await assertClean(stack.cloud, region, instanceId);
      }
    });
  }

  /** Picks the real launch of one build: the DryRun before it has no tags. */
  function only(instanceId: string) {
    return { contains: `/${instanceId.slice(4)}-` };
  }
});
