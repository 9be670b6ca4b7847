import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launchIdOf, searchAttributes, tagKeys } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { buildOne, region, resourcesOfLaunch, startLaunch } from '../support/images';
import { failureOf, ids, until, untilProgress } from '../support/judge';

describe('launchImage', { concurrency: 4 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 100 } });
  });
  after(() => stack.stop());

  const contentOf = async (diskIds: string[]) => {
    const { disks } = await stack.cloud.state(region);
    return diskIds.map((id) => disks.find((disk) => disk.id === id)!.content);
  };

  test('launches with new disks that hold what the old ones held, of the same types', async () => {
    const built = await buildOne(stack, {}, { dataDisks: [{ type: 'CLOUD_SSD', size: 100 }, { size: 60 }] });
    const handle = await startLaunch(stack, {
      image: built.image.imageId,
      build: built.buildId,
      launch: { name: 'web-7', tags: { team: 'web' } },
    });
    const result = await handle.result();
    const launchId = launchIdOf(handle.firstExecutionRunId);
    assert.equal(result.buildId, launchId);
    assert.equal(result.image.imageId, built.image.imageId);

    const made = await resourcesOfLaunch(stack, launchId);
    assert.deepEqual(ids(made.instances), [result.instance.instanceId]);
    const [instance] = made.instances;
    assert.equal(instance!.name, 'web-7');
    assert.equal(instance!.tags.team, 'web');
    for (const one of [instance!, ...made.disks]) assert.equal(one.tags[tagKeys.state], 'kept');
    const newDisks = result.instance.dataDisks.map(({ diskId }) => diskId);
    const { instances, disks } = await stack.cloud.state(region);
    const source = instances.find(({ id }) => id === built.source.instanceId)!;
    assert.deepEqual((await contentOf(newDisks)).sort(), (await contentOf(source.dataDiskIds as string[])).sort());
    assert.deepEqual(newDisks.map((id) => disks.find((disk) => disk.id === id)!.type).sort(), [
      'CLOUD_PREMIUM',
      'CLOUD_SSD',
    ]);
    // The defaults are those of the source instance.
    assert.equal(instance!.type, source.type);
    assert.equal(instance!.subnetId, source.subnetId);

    const { typedSearchAttributes: attributes } = await handle.describe();
    assert.equal(attributes.get(searchAttributes.ImageId), built.image.imageId);
    assert.equal(attributes.get(searchAttributes.BuildId), launchId);
    assert.equal(attributes.get(searchAttributes.BuildPhase), 'completed');
  });

  test('by exact name without disks, by family the newest', async () => {
    const family = `family-${Date.now()}`;
    const older = await buildOne(stack, { image: { name: `${family}-1`, family } }, { dataDisks: 0 });
    const newer = await buildOne(stack, { image: { name: `${family}-2`, family } }, { dataDisks: 0 });
    const [byName, byFamily] = await Promise.all([
      startLaunch(stack, { image: `${family}-1` }).then((handle) => handle.result()),
      startLaunch(stack, { image: `family:${family}` }).then((handle) => handle.result()),
    ]);
    assert.equal(byName.image.imageId, older.image.imageId);
    assert.equal(byFamily.image.imageId, newer.image.imageId);
    assert.deepEqual(byName.instance.dataDisks, []);
  });

  test('of an image with its data disks inside, they come with it and not twice', async () => {
    const built = await buildOne(stack, { method: 'snapshots', dataDisks: 'include' });
    const result = await (await startLaunch(stack, { image: built.image.imageId, build: 'own' })).result();
    assert.equal(result.instance.dataDisks.length, 2);
    assert.deepEqual(result.snapshots, []);
  });

  test('cancelled while the instance comes up: terminated, its disks too', async () => {
    const built = await buildOne(stack);
    // The second call: the first one is the trial. Its answer comes so late that the cancellation falls into it.
    const held = { kind: 'delay', when: 'after', milliseconds: 3000, nth: 2 };
    await stack.cloud.fault({ action: 'RunInstances', contains: built.image.imageId, ...held });
    const handle = await startLaunch(stack, { image: built.image.imageId, build: 'own' });
    const launchId = launchIdOf(handle.firstExecutionRunId);
    await until(async () => ((await resourcesOfLaunch(stack, launchId)).instances.length > 0 ? true : undefined));
    await handle.cancel();
    const failure = await failureOf(handle);
    assert.equal(failure.cancelled, true);
    assert.ok(failure.resources.some(({ type, fate }) => type === 'instance' && fate === 'deleted'));
    const left = await resourcesOfLaunch(stack, launchId);
    assert.deepEqual([left.instances, left.disks], [[], []]);
  });

  test('an instance that does not come up is removed, the image stays', async () => {
    const built = await buildOne(stack, {}, { dataDisks: 0 });
    const { imageId } = built.image;
    const fault = await stack.cloud.fault({ action: 'RunInstances', contains: imageId, kind: 'launch-fails' });
    const handle = await startLaunch(stack, { image: imageId });
    const failure = await failureOf(handle);
    assert.ok((await stack.cloud.calls({ action: 'RunInstances' })).some(({ faults }) => faults.includes(fault)));
    assert.equal(failure.code, 'LaunchFailed');
    assert.equal(failure.step, 'launchInstance');
    const left = await resourcesOfLaunch(stack, failure.buildId);
    assert.deepEqual(
      left.instances.filter(({ state }) => state !== 'LAUNCH_FAILED'),
      [],
    );
    const { images } = await stack.cloud.state(region);
    assert.ok(images.some(({ id }) => id === imageId));
  });

  test('what cannot be launched is refused before anything is made', async () => {
    const built = await buildOne(stack, { dataDisks: 'none' });
    const { imageId } = built.image;
    await stack.cloud.seed({ images: [{ region, name: 'no-build-made-me', id: 'img-nobody01' }] });
    const cases: [Parameters<typeof startLaunch>[1], string][] = [
      [{ image: 'img-nowhere1' }, 'ImageNotFound'],
      [{ image: 'family:nobody' }, 'ImageNotFound'],
      [{ image: 'img-ubuntu24' }, 'NotCustom'],
      [{ image: 'no-build-made-me' }, 'InstanceTypeUnknown'],
      [{ image: 'no-build-made-me', build: 'own' }, 'BuildUnknown'],
      [{ image: imageId, build: built.buildId }, 'SnapshotsNotFound'],
      [{ image: imageId, launch: { instanceType: 'S5.NOSUCH1' } }, 'InvalidParameterValue.InstanceTypeNotFound'],
      [{ image: imageId, launch: { zone: 'ap-beijing-3' } }, 'SpecInvalid'],
    ];
    for (const [spec, code] of cases) {
      const handle = await startLaunch(stack, spec);
      const error = await handle.result().then(
        () => assert.fail(`${JSON.stringify(spec)} was launched`),
        (reason: unknown) => reason as { cause: { type: string } },
      );
      assert.equal(error.cause.type, code, JSON.stringify(spec));
      assert.deepEqual((await resourcesOfLaunch(stack, launchIdOf(handle.firstExecutionRunId))).instances, []);
    }
  });

  test('without a type and a build, the type that is given is enough', async () => {
    await stack.cloud.seed({ images: [{ region, name: 'by-hand', id: 'img-byhand01' }] });
    const handle = await startLaunch(stack, { image: 'img-byhand01', launch: { instanceType: 'S5.MEDIUM4' } });
    const progress = await untilProgress(handle as never, ({ steps }) =>
      steps.some(({ state }) => state === 'running'),
    );
    assert.equal(progress.steps.length, 3);
    assert.equal((await handle.result()).image.name, 'by-hand');
  });
});
