import { Client as CbsClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cbs/v20170312/cbs_client';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type BuildActivities, type BuildRef, checkSpec, tagKeys } from '../../contract';
import { type ActivityBench, region, startActivityBench } from '../support/activity';
import { assertSource, ids, resourcesOf } from '../support/judge';

type Name = keyof BuildActivities;
type InputOf<N extends Name> = Parameters<BuildActivities[N]>[0];

/**
 * Every step goes through the same proofs: twice in a row gives the same; after a lost answer, and after an attempt of
 * which nothing is known, nothing is made twice; its undo is fine when nothing had happened, undoes what was never told,
 * and may itself run twice or lose its answer.
 */
describe('steps', { concurrency: 6 }, () => {
  let bench: ActivityBench;
  before(async () => (bench = await startActivityBench()));
  after(() => bench.stop());

  const left = (build: BuildRef) => resourcesOf(bench.cloud, region, build.instanceId);
  const stopped = async (form = {}) => {
    const build = await bench.build(form);
    const source = await bench.source(build);
    await bench.run('shutdownInstance', { build, source, stopType: 'SOFT_FIRST' });
    return { build, source };
  };
  const snapshotInput = async (): Promise<InputOf<'snapshotDisks'>> => {
    const { build, source } = await stopped();
    return { build, generation: 1, disks: source.dataDisks, tags: { team: 'web' } };
  };
  const imageInput = async (): Promise<InputOf<'createImage'>> => {
    const { build } = await stopped({ dataDisks: 0 });
    const name = `image-${build.buildId}`;
    return { build, generation: 1, name, tags: {}, sysprep: false, from: { kind: 'instance', dataDiskIds: [] } };
  };
  const launchInput = async (): Promise<InputOf<'launchInstance'>> => {
    const input = await imageInput();
    const { build } = input;
    const { imageId } = await bench.run('createImage', input);
    await bench.run('pollImage', { build, imageId });
    const check = checkSpec({
      region,
      instanceId: build.instanceId,
      image: { name: 'x' },
      launch: { zone: 'ap-guangzhou-3' },
    });
    assert.ok(check.ok);
    const settings = check.spec.launch!;
    const source = await bench.source(build);
    return { build, generation: 1, runId: build.buildId, imageId, settings, source, snapshots: [], dataDisks: [] };
  };
  /** Arms a fault on a call of this build. */
  const fault = (build: BuildRef, action: string, kind: Record<string, unknown>) =>
    bench.cloud.armed({ action, contains: build.instanceId.slice(4), ...kind });

  describe('shutdownInstance and restoreInstance', () => {
    test('twice in a row', async () => {
      const { build, source } = await stopped();
      const again = await bench.run('shutdownInstance', { build, source, stopType: 'SOFT_FIRST' }, 2);
      assert.ok(again.stoppedAt);
      assert.equal((await left(build)).source!.state, 'STOPPED');
      assert.equal((await left(build)).source!.tags[tagKeys.restore], `test/${build.buildId}`);

      for (const attempt of [1, 2]) {
        const { outcome } = await bench.run('restoreInstance', { build, unknownOutcome: false }, attempt);
        assert.equal(outcome, 'running');
      }
      assertSource((await left(build)).source);
      const calls = await bench.cloud.calls({ region });
      for (const action of ['StopInstances', 'StartInstances']) {
        const made = calls.filter((call) => call.action === action && call.resources.includes(build.instanceId));
        assert.equal(made.length, 1, action);
      }
    });
    test('restoring what was never stopped, and what is gone', async () => {
      const build = await bench.build();
      assert.equal((await bench.run('restoreInstance', { build, unknownOutcome: true })).outcome, 'running');
      assert.equal(
        (await bench.run('restoreInstance', { build: { ...build, instanceId: 'ins-nowhere1' }, unknownOutcome: true }))
          .outcome,
        'gone',
      );
    });
    test('a stop whose answer is lost is undone', async () => {
      const build = await bench.build();
      const source = await bench.source(build);
      const fired = await fault(build, 'StopInstances', { kind: 'answer-lost' });
      await bench.run('shutdownInstance', { build, source, stopType: 'SOFT_FIRST' });
      await fired();
      await bench.run('restoreInstance', { build, unknownOutcome: true });
      assertSource((await left(build)).source);
    });
  });

  describe('snapshotDisks', () => {
    test('twice in a row gives the same snapshots', async () => {
      const input = await snapshotInput();
      const first = await bench.run('snapshotDisks', input);
      const second = await bench.run('snapshotDisks', input, 2);
      assert.deepEqual(second, first);
      const { snapshots } = await left(input.build);
      assert.equal(snapshots.length, 2);
      assert.ok(snapshots.every(({ state, tags }) => state === 'NORMAL' && tags.team === 'web'));
    });
    test('a snapshot too many of its name is deleted', async () => {
      const input = await snapshotInput();
      const { snapshots: first } = await bench.run('snapshotDisks', input);
      // What a frozen worker that slipped through would have made: the same call again.
      const [original] = (await left(input.build)).snapshots;
      const cbs = new CbsClient({
        credential: { secretId: 'AKIDsimulator', secretKey: 'simulator' },
        region,
        profile: { httpProfile: { protocol: 'http://', endpoint: new URL(bench.cloud.url).host } },
      });
      const { SnapshotId } = await cbs.CreateSnapshot({
        DiskId: original!.diskId as string,
        SnapshotName: original!.name as string,
        Tags: Object.entries(original!.tags).map(([Key, Value]) => ({ Key, Value })),
      });
      assert.ok(SnapshotId);
      assert.equal((await left(input.build)).snapshots.length, 3);
      const { snapshots } = await bench.run('snapshotDisks', input, 2);
      assert.equal(snapshots.length, 2);
      const after = (await left(input.build)).snapshots;
      assert.deepEqual(ids(after), snapshots.map(({ snapshotId }) => snapshotId).sort());
      assert.equal(first.length, 2);
    });
    test('a snapshot that was deleted is not adopted, though it is still described', async () => {
      await bench.cloud.send('POST', 'durations', { recycle: 3600 });
      const input = await snapshotInput();
      const { snapshots: first } = await bench.run('snapshotDisks', input);
      const deleted = first[0]!.snapshotId;
      await bench.cloud.send('POST', 'interfere', { act: 'delete-snapshot', id: deleted });
      const { snapshots: second } = await bench.run('snapshotDisks', input, 2);
      const both = (some: typeof first) => some.map(({ snapshotId }) => snapshotId);
      assert.equal(second.length, 2);
      assert.ok(!both(second).includes(deleted), 'a new one in its place');
      assert.ok(both(second).includes(first[1]!.snapshotId), 'the other one is adopted');
      const { resources } = await bench.run('undoSnapshotDisks', {
        ...{ build: input.build, generation: 1, known: [], unknownOutcome: true },
        diskIds: input.disks.map(({ diskId }) => diskId),
      });
      assert.deepEqual(resources.map(({ id }) => id).sort(), both(second).sort());
    });
    test('undo: nothing there, never told, twice, with a lost answer', async () => {
      const input = await snapshotInput();
      const { build } = input;
      const undo = { build, generation: 1, known: [], unknownOutcome: true, diskIds: input.disks.map((d) => d.diskId) };
      assert.deepEqual(await bench.run('undoSnapshotDisks', undo), { resources: [] });
      await bench.run('snapshotDisks', input);
      const fired = await fault(build, 'DeleteSnapshots', { kind: 'answer-lost', contains: 'snap-' });
      const { resources } = await bench.run('undoSnapshotDisks', undo);
      await fired();
      assert.equal(resources.length, 2);
      assert.ok(resources.every(({ fate }) => fate === 'deleted'));
      assert.deepEqual((await left(build)).snapshots, []);
      assert.deepEqual(await bench.run('undoSnapshotDisks', undo, 2), { resources: [] });
    });
  });

  describe('createImage', () => {
    test('twice in a row adopts', async () => {
      const input = await imageInput();
      const first = await bench.run('createImage', input);
      const second = await bench.run('createImage', input, 2);
      assert.deepEqual([first.adopted, second.adopted], [false, true]);
      assert.equal(second.imageId, first.imageId);
      assert.equal((await left(input.build)).images.length, 1);
    });
    test('one of ours that is CREATEFAILED is replaced', async () => {
      const input = await imageInput();
      const fired = await fault(input.build, 'CreateImage', { kind: 'image-fails' });
      const { imageId } = await bench.run('createImage', input);
      await fired();
      await assert.rejects(bench.run('pollImage', { build: input.build, imageId }), /CREATEFAILED/);
      const second = await bench.run('createImage', input, 2);
      assert.notEqual(second.imageId, imageId);
      const facts = await bench.run('pollImage', { build: input.build, imageId: second.imageId });
      assert.equal(facts.name, input.name);
      assert.deepEqual(ids((await left(input.build)).images), [second.imageId]);
    });
    test('undo: nothing there, never told, still CREATING, twice, with a lost answer', async () => {
      const input = await imageInput();
      const { build, name } = input;
      const undo = { build, generation: 1, known: [], unknownOutcome: true, name, inputSnapshotIds: [] };
      assert.deepEqual(await bench.run('undoCreateImage', undo), { resources: [] });
      const lost = await fault(build, 'CreateImage', { kind: 'answer-lost' });
      const { imageId } = await bench.run('createImage', input);
      await lost();
      const fired = await bench.cloud.fault({ action: 'DeleteImages', contains: imageId, kind: 'answer-lost' });
      const { resources } = await bench.run('undoCreateImage', undo);
      assert.ok((await bench.cloud.calls({ action: 'DeleteImages' })).some(({ faults }) => faults.includes(fired)));
      assert.ok(resources.some(({ id, fate }) => id === imageId && fate === 'deleted'));
      assert.ok(
        resources.some(({ type }) => type === 'snapshot'),
        'the implicit snapshot is proven gone',
      );
      const after = await left(build);
      assert.deepEqual([after.images, after.ofSource], [[], []]);
      assert.deepEqual(await bench.run('undoCreateImage', undo, 2), { resources: [] });
    });
    test('an image of the name that somebody else made is left alone', async () => {
      const input = await imageInput();
      await bench.cloud.seed({ images: [{ region, name: input.name }] });
      await assert.rejects(bench.run('createImage', input), /not of this build/);
      const undo = { build: input.build, generation: 1, known: [], unknownOutcome: true, inputSnapshotIds: [] };
      assert.deepEqual(await bench.run('undoCreateImage', { ...undo, name: input.name }), { resources: [] });
      const { images } = await bench.cloud.state(region);
      assert.equal(images.filter(({ name }) => name === input.name).length, 1);
    });
  });

  describe('what is kept when a build is reset', () => {
    const afterReset = (build: BuildRef): BuildRef => ({ ...build, reset: true });
    /** A build of one data disk whose second try is kept under another name, its source up again. */
    const completed = async () => {
      const { build, source } = await stopped({ dataDisks: 1 });
      const { snapshots } = await bench.run('snapshotDisks', {
        build,
        generation: 2,
        disks: source.dataDisks,
        tags: {},
      });
      const snapshotIds = snapshots.map(({ snapshotId }) => snapshotId);
      const from = { kind: 'instance' as const, dataDiskIds: [] };
      const image = { build, generation: 2, name: `second-${build.buildId}`, tags: {}, sysprep: false, from };
      const { imageId } = await bench.run('createImage', image);
      const facts = await bench.run('pollImage', { build, imageId });
      await bench.run('restoreInstance', { build, unknownOutcome: false });
      await bench.run('keepResources', { build, imageIds: [imageId], snapshotIds });
      return { build: afterReset(build), source, image, facts, snapshots };
    };

    test('the inspection tells all of it', async () => {
      const { build, facts, snapshots } = await completed();
      const { made, wasRunning, claimed } = await bench.source(build);
      assert.deepEqual([made, wasRunning, claimed], [{ image: facts, snapshots }, true, false]);
      assert.equal((await bench.source({ ...build, reset: false })).made, undefined, 'only after a reset');
    });
    test('no step makes any of it again, and the source is not touched', async () => {
      const { build, source, image } = await completed();
      const refused = /of this build are kept already, and are not made a second time/;
      await assert.rejects(bench.run('shutdownInstance', { build, source, stopType: 'SOFT_FIRST' }), refused);
      const disks = source.dataDisks;
      await assert.rejects(bench.run('snapshotDisks', { build, generation: 1, disks, tags: {} }), refused);
      const first = { ...image, build, generation: 1, name: `image-${build.buildId}` };
      await assert.rejects(bench.run('createImage', first), refused);
      const now = await left(build);
      assertSource(now.source);
      assert.deepEqual([now.images.length, now.snapshots.length], [1, 1]);
    });
    test('what is not all there is refused before anything is touched', async () => {
      const { build, facts, snapshots } = await completed();
      const { snapshotId } = snapshots[0]!;
      await bench.cloud.send('POST', 'interfere', { act: 'delete-snapshot', id: snapshotId });
      await assert.rejects(bench.source(build), new RegExp(`${facts.imageId} .* but there is no snapshot cib-`));
    });
    test('kept snapshots without their image are refused, too', async () => {
      const { build, source, facts, snapshots } = await completed();
      await bench.cloud.send('POST', 'interfere', { act: 'delete-image', id: facts.imageId });
      await assert.rejects(bench.source(build), new RegExp(`${snapshots[0]!.snapshotId} .* but there is no image`));
      const stop = bench.run('shutdownInstance', { build, source, stopType: 'SOFT_FIRST' });
      await assert.rejects(stop, /are kept already/);
      assertSource((await left(build)).source);
    });
  });

  describe('a source that was started when its disks had been copied', () => {
    const started = async <N extends 'snapshotDisks' | 'createImage'>(name: N, input: InputOf<N>) => {
      const made = await bench.run(name, input);
      const { build } = input;
      await bench.cloud.send('POST', 'interfere', { act: 'start-instance', id: build.instanceId });
      return { made, again: (how: Partial<BuildRef>) => bench.run(name, { ...input, build: { ...build, ...how } }) };
    };
    const refused = /was started by somebody else while its disks were copied/;

    test('an earlier run of the build had checked its snapshots; one whose deadline was put off has not', async () => {
      const { made, again } = await started('snapshotDisks', await snapshotInput());
      assert.deepEqual(await again({ reset: true }), made);
      await assert.rejects(again({ reset: true, extended: true }), refused);
    });
    test('so it is with the image', async () => {
      const { made, again } = await started('createImage', await imageInput());
      assert.deepEqual(await again({ reset: true }), { ...made, adopted: true });
      await assert.rejects(again({ reset: true, extended: true }), refused);
    });
  });

  describe('launchInstance', () => {
    test('twice in a row gives the same instance', async () => {
      const input = await launchInput();
      const first = await bench.run('launchInstance', input);
      const second = await bench.run('launchInstance', input, 2);
      assert.deepEqual(second, first);
      assert.equal((await left(input.build)).instances.length, 1);
    });
    test('after a reset the instance of a later try stands for this one, and one that never came up does not', async () => {
      const input = await launchInput();
      const { build } = input;
      const fired = await fault(build, 'RunInstances', { kind: 'launch-fails' });
      await assert.rejects(bench.run('launchInstance', input), /did not come up/);
      await fired();
      const { instanceId } = await bench.run('launchInstance', { ...input, generation: 2 });
      const reset = { ...input, build: { ...build, reset: true }, runId: 'another-run' };
      assert.equal((await bench.run('launchInstance', reset)).instanceId, instanceId, 'still pending');
      await bench.run('keepResources', { build, instanceIds: [instanceId] });
      for (const generation of [1, 3]) {
        const taken = await bench.run('launchInstance', { ...reset, generation });
        assert.equal(taken.instanceId, instanceId, `kept, and looked for by try ${generation}`);
      }
      const up = (await left(build)).instances.filter(({ state }) => state !== 'LAUNCH_FAILED');
      assert.deepEqual(ids(up), [instanceId]);
    });
    test('undo: nothing there, never told, twice, with a lost answer', async () => {
      const input = await launchInput();
      const { build } = input;
      const undo = { build, generation: 1, known: [], unknownOutcome: true };
      assert.deepEqual(await bench.run('undoLaunchInstance', undo), { resources: [] });
      const { instanceId } = await bench.run('launchInstance', input);
      const fired = await bench.cloud.fault({
        action: 'TerminateInstances',
        contains: instanceId,
        kind: 'answer-lost',
      });
      const { resources } = await bench.run('undoLaunchInstance', undo);
      assert.ok(
        (await bench.cloud.calls({ action: 'TerminateInstances' })).some(({ faults }) => faults.includes(fired)),
      );
      assert.ok(resources.some(({ id, fate }) => id === instanceId && fate === 'deleted'));
      const after = await left(build);
      assert.deepEqual([after.instances, after.disks], [[], []]);
      assert.deepEqual(await bench.run('undoLaunchInstance', undo, 2), { resources: [] });
    });
  });

  describe('inspectSource, checkQuota, keepResources', () => {
    test('twice in a row', async () => {
      const build = await bench.build();
      assert.deepEqual(await bench.source(build), await bench.source(build));
      const quota = await bench.run('checkQuota', { build, imageName: 'x' });
      assert.equal(quota.images.total, 500);
      const input = await snapshotInput();
      const { snapshots } = await bench.run('snapshotDisks', input);
      const keep = { build: input.build, snapshotIds: snapshots.map(({ snapshotId }) => snapshotId) };
      await bench.run('keepResources', keep);
      await bench.run('keepResources', keep, 2);
      for (const one of (await left(input.build)).snapshots) assert.equal(one.tags[tagKeys.state], 'kept');
    });
    test('a restore tag of ours is believed over the state', async () => {
      const { build } = await stopped();
      const source = await bench.source({ ...build, buildId: 'another-000000000002' });
      assert.equal(source.wasRunning, true);
    });
  });

  test('a cloud that does not answer for a while only costs time', async () => {
    const build = await bench.build();
    const fired = await fault(build, 'DescribeInstances', { kind: 'http-502', when: 'before', times: 3 });
    assert.equal((await bench.source(build)).wasRunning, true);
    await fired();
  });
});
