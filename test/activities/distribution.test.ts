import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type BuildRef, type DiskSnapshot, snapshotCopyName, tagKeys } from '../../contract';
import { type ActivityBench, region, startActivityBench } from '../support/activity';
import { seedImage, type SeededImage } from '../support/images';
import { until } from '../support/judge';

const shanghai = 'ap-shanghai';
const beijing = 'ap-beijing';

/** The activities that bring a release elsewhere, through the proofs of every step: twice, lost answers, undo twice. */
describe('activities of a distribution', { concurrency: 6 }, () => {
  let bench: ActivityBench;
  before(async () => {
    bench = await startActivityBench();
    await bench.cloud.seed({ imageQuota: { [shanghai]: 500, [beijing]: 500 } });
  });
  after(() => bench.stop());

  const refFor = ({ buildId, imageId }: SeededImage, where = region): BuildRef => ({
    buildId,
    region: where,
    instanceId: imageId,
    reset: false,
  });
  const nameOf = ({ imageId }: SeededImage) => `image-${imageId.slice(4)}`;
  const copyInput = (image: SeededImage, regions: string[]) => ({
    build: refFor(image),
    imageId: image.imageId,
    name: nameOf(image),
    since: '2026-01-01T00:00:00.000Z',
    regions,
  });
  const marks = { family: 'web', release: 'release-000000000001', nominalAt: '2026-11-25T02:00:00.000Z' };
  const undoInput = (image: SeededImage, where: string, known: string[] = []) => ({
    build: refFor(image, where),
    from: region,
    sourceId: image.imageId,
    name: nameOf(image),
    since: '2026-01-01T00:00:00.000Z',
    known,
    unknownOutcome: false,
  });
  const copiesIn = async (where: string, image: SeededImage) =>
    (await bench.cloud.state(where)).images.filter(({ name }) => name === nameOf(image));
  /** Arms a fault; answers a check that it fired. */
  const fault = (action: string, contains: string, kind: Record<string, unknown>) =>
    bench.cloud.armed({ action, contains, ...kind });

  test('one call copies to several regions; again, nothing is copied twice', async () => {
    const image = await seedImage(bench.cloud);
    const input = copyInput(image, [shanghai, beijing]);
    const first = await bench.run('copyImage', input);
    assert.deepEqual(first.copies.map((one) => one.region).sort(), [beijing, shanghai]);
    const calls = (await bench.cloud.calls({ action: 'SyncImages' })).filter(
      ({ resources, applied }) => applied && resources.includes(image.imageId),
    );
    // A trial for each, and one call for both.
    assert.equal(calls.length, 3);
    const again = await bench.run('copyImage', input, 2);
    const byRegion = (a: { region: string }, b: { region: string }) => a.region.localeCompare(b.region);
    assert.deepEqual(again.copies.sort(byRegion), first.copies.sort(byRegion));
    for (const where of [shanghai, beijing]) assert.equal((await copiesIn(where, image)).length, 1);
  });

  test('a copy is marked, followed until it is NORMAL, and undone with its snapshots', async () => {
    const image = await seedImage(bench.cloud);
    const { copies } = await bench.run('copyImage', copyInput(image, [shanghai]));
    const { imageId } = copies[0]!;
    const follow = { build: refFor(image, shanghai), imageId, tags: { team: 'web' }, marks };
    const facts = await bench.run('followCopy', follow);
    assert.deepEqual(await bench.run('followCopy', follow, 2), facts);
    const [copy] = await copiesIn(shanghai, image);
    assert.equal(copy?.state, 'NORMAL');
    assert.deepEqual(copy.tags, {
      team: 'web',
      [tagKeys.build]: `test/${image.buildId}`,
      [tagKeys.state]: 'kept',
      [tagKeys.family]: 'test/web',
      [tagKeys.release]: `candidate/${marks.nominalAt}`,
      [tagKeys.run]: `${marks.release}/${marks.nominalAt}`,
    });
    const deleting = await fault('DeleteImages', imageId, { kind: 'answer-lost' });
    const { resources } = await bench.run('undoCopyImage', undoInput(image, shanghai, [imageId]));
    await deleting();
    assert.deepEqual(resources.map(({ id }) => id).sort(), [imageId, ...facts.snapshotIds].sort());
    assert.deepEqual(await copiesIn(shanghai, image), []);
    const twice = await bench.run('undoCopyImage', undoInput(image, shanghai), 2);
    assert.deepEqual(twice, { resources: [] });
    // The image itself is nobody's business.
    assert.ok((await bench.cloud.state(region)).images.some(({ id }) => id === image.imageId));
  });

  for (const loss of [
    { kind: 'answer-lost' },
    { kind: 'http-502', when: 'after' },
    { kind: 'request-lost' },
    { kind: 'error', code: 'InternalError', message: 'oops', when: 'after' },
  ]) {
    test(`SyncImages: ${loss.kind} makes one copy a region, and it is found`, async () => {
      const image = await seedImage(bench.cloud);
      // The third call: the first two are trials.
      const fired = await fault('SyncImages', image.imageId, { ...loss, nth: 3 });
      const { copies } = await bench.run('copyImage', copyInput(image, [shanghai, beijing]));
      await fired();
      for (const where of [shanghai, beijing]) {
        const made = await copiesIn(where, image);
        assert.equal(made.length, 1);
        assert.equal(copies.find((one) => one.region === where)?.imageId, made[0]!.id);
      }
    });

    test(`CopySnapshotCrossRegions: ${loss.kind} makes one copy, marked`, async () => {
      const image = await seedImage(bench.cloud);
      const fired = await fault('CopySnapshotCrossRegions', image.dataId, loss);
      const input = { build: refFor(image, shanghai), from: region, snapshots: [snapshotOf(image)], tags: {} };
      const first = await bench.run('copySnapshots', input);
      await fired();
      const copies = await snapshotsIn(shanghai, image);
      assert.deepEqual(
        copies.map(({ id }) => id),
        [first.snapshots[0]!.snapshotId],
      );
      assert.equal(copies[0]?.state, 'NORMAL');
      assert.equal(copies[0].tags[tagKeys.build], `test/${image.buildId}`);
      assert.deepEqual(await bench.run('copySnapshots', input, 2), first);
      const undo = { build: refFor(image, shanghai), snapshots: [snapshotOf(image)], unknownOutcome: true };
      const { resources } = await bench.run('undoCopySnapshots', undo);
      assert.deepEqual(
        resources.map(({ id, fate }) => [id, fate]),
        [[copies[0].id, 'deleted']],
      );
      assert.deepEqual(await snapshotsIn(shanghai, image), []);
      assert.deepEqual(await bench.run('undoCopySnapshots', undo, 2), { resources: [] });
    });
  }

  const snapshotOf = ({ dataId, diskId }: SeededImage): DiskSnapshot => ({
    snapshotId: dataId,
    diskId,
    usage: 'DATA_DISK',
    size: 10,
  });
  const snapshotsIn = async (where: string, { buildId, dataId }: SeededImage) =>
    (await bench.cloud.state(where)).snapshots.filter(
      ({ name, state }) => name === snapshotCopyName(buildId, dataId) && state !== 'TORECYCLE',
    );

  test('a copy of a snapshot that takes no tags while it is copied is marked at the end', async () => {
    const image = await seedImage(bench.cloud);
    const refusal = { kind: 'error', code: 'FailedOperation', message: 'it is being copied' };
    const fired = await fault('TagResources', `test/${image.buildId}`, refusal);
    const input = {
      build: refFor(image, shanghai),
      from: region,
      snapshots: [snapshotOf(image)],
      tags: { team: 'web' },
    };
    await bench.run('copySnapshots', input);
    await fired();
    const [copy] = await snapshotsIn(shanghai, image);
    const tags = { team: 'web', [tagKeys.build]: `test/${image.buildId}`, [tagKeys.state]: 'kept' };
    assert.deepEqual([copy?.state, copy?.tags], ['NORMAL', tags]);
  });

  test('one region that refuses does not keep the others from their copies', async () => {
    const image = await seedImage(bench.cloud);
    await bench.cloud.seed({
      images: [{ region: beijing, id: `img-x${image.imageId.slice(5)}`, name: nameOf(image) }],
    });
    const { copies } = await bench.run('copyImage', copyInput(image, [shanghai, beijing]));
    assert.deepEqual(
      copies.map((one) => one.region),
      [shanghai],
    );
    // By itself it says what is in the way; what is not ours is neither adopted nor deleted.
    await assert.rejects(bench.run('copyImage', copyInput(image, [beijing])), { type: 'InvalidImageName.Duplicate' });
    assert.deepEqual(await bench.run('undoCopyImage', undoInput(image, beijing)), { resources: [] });
    assert.equal((await copiesIn(beijing, image)).length, 1);
  });

  test('a copy that is not marked yet is no image besides the one that its slot is for', async () => {
    const image = await seedImage(bench.cloud);
    await bench.run('copyImage', copyInput(image, [shanghai]));
    const owner = `test/${image.buildId}`;
    const seen = (imageName: string) =>
      bench.run('inspectRoom', {
        build: refFor(image, shanghai),
        holders: [{ owner, buildId: image.buildId, imageName }],
        waiting: [],
        standings: false,
      });
    assert.deepEqual((await seen(nameOf(image))).withImage, [owner]);
    assert.deepEqual((await seen('another')).withImage, []);
  });

  test('what was promoted is not taken back', async () => {
    const image = await seedImage(bench.cloud);
    const { copies } = await bench.run('copyImage', copyInput(image, [shanghai]));
    const { imageId } = copies[0]!;
    const build = refFor(image, shanghai);
    await bench.run('followCopy', { build, imageId, tags: {}, marks });
    await bench.run('markImage', { build, family: 'web', imageId, state: 'current', since: marks.nominalAt });
    const { resources } = await bench.run('undoCopyImage', undoInput(image, shanghai, [imageId]));
    assert.deepEqual(
      resources.map(({ id, fate }) => [id, fate]),
      [[imageId, 'kept']],
    );
    // A late attempt of what marked it as a candidate does not take that back either.
    await bench.run('followCopy', { build, imageId, tags: {}, marks }, 2);
    assert.match((await copiesIn(shanghai, image))[0]!.tags[tagKeys.release]!, /^current\//);
  });

  test('what is promoted while it is taken back stays, with its snapshots', async () => {
    const image = await seedImage(bench.cloud);
    const { copies } = await bench.run('copyImage', copyInput(image, [shanghai]));
    const { imageId } = copies[0]!;
    const build = refFor(image, shanghai);
    const { snapshotIds } = await bench.run('followCopy', { build, imageId, tags: {}, marks });
    const deleting = await bench.cloud.stall('DeleteImages', imageId);
    const undone = bench.run('undoCopyImage', undoInput(image, shanghai, [imageId]));
    await until(async () => ((await deleting.met()) ? true : undefined));
    await bench.run('markImage', { build, family: 'web', imageId, state: 'current', since: marks.nominalAt });
    const { resources } = await undone;
    await deleting.release();
    assert.deepEqual(
      resources.map(({ id, fate }) => [id, fate]),
      [[imageId, 'kept']],
    );
    const { snapshots } = await bench.cloud.state(shanghai);
    assert.ok(snapshotIds.length > 0);
    for (const id of snapshotIds) assert.ok(snapshots.some((one) => one.id === id));
  });

  test('an image is shared with each account that the cloud knows, and again', async () => {
    const image = await seedImage(bench.cloud);
    const { copies } = await bench.run('copyImage', copyInput(image, [shanghai]));
    const { imageId } = copies[0]!;
    const build = refFor(image, shanghai);
    await bench.run('followCopy', { build, imageId, tags: {}, marks });
    const input = { build, family: 'web', imageId, accounts: ['100000000002', '999999999999'] };
    const lost = await fault('ModifyImageSharePermission', '"AccountIds":["100000000002"]', { kind: 'answer-lost' });
    const first = await bench.run('shareImage', input);
    await lost();
    assert.deepEqual(first.sharedWith, ['100000000002']);
    assert.deepEqual(
      first.notShared.map(({ account, code }) => [account, code]),
      [['999999999999', 'InvalidAccountId.NotFound']],
    );
    assert.deepEqual((await bench.run('shareImage', input, 2)).sharedWith, first.sharedWith);
    const { accounts } = await bench.run('unshareImage', { build, family: 'web', imageId });
    assert.deepEqual(accounts, ['100000000002']);
    assert.deepEqual(await bench.run('unshareImage', { build, family: 'web', imageId }, 2), { accounts: [] });
    // What was withdrawn meanwhile is not shared for the first time; that it had been shared before is given back all the same.
    const withdrawn = { [tagKeys.release]: 'withdrawn/2026-11-26T02:00:00.000Z' };
    await bench.cloud.send('POST', 'interfere', { act: 'retag', id: imageId, tags: withdrawn });
    await assert.rejects(bench.run('shareImage', { ...input, unlessWithdrawn: true }), { type: 'Withdrawn' });
    assert.deepEqual(await bench.run('unshareImage', { build, family: 'web', imageId }), { accounts: [] });
    assert.deepEqual((await bench.run('shareImage', input)).sharedWith, ['100000000002']);
    // What is no image of the family is not shared with anybody.
    await assert.rejects(bench.run('shareImage', { ...input, build: refFor(image), imageId: image.imageId }), {
      type: 'NotOfFamily',
    });
  });

  test('a region that the worker does not allow is refused, whatever the image', async () => {
    const other = await startActivityBench({ allow: { regions: [region, beijing], roles: [] } });
    try {
      const image = await seedImage(other.cloud);
      await assert.rejects(other.run('copyImage', copyInput(image, [shanghai])), { type: 'NotAllowed' });
      const { copies } = await other.run('copyImage', copyInput(image, [shanghai, beijing]));
      assert.deepEqual(
        copies.map((one) => one.region),
        [beijing],
      );
    } finally {
      await other.stop();
    }
  });
});
