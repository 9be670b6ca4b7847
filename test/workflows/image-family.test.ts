import { Client as CvmClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_client';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  familyQuery,
  familyWorkflowId,
  type PipelineInput,
  promoteUpdate,
  type Release,
  type ReleaseState,
  tagKeys,
} from '../../contract';
import { listFamily, retireFamily, rollBack } from '../../client';
import { type BuildStack, startBuildStack, testDurations } from '../support/build-stack';
import { until } from '../support/judge';
import { ended, familyInCloud, pipelineOf, region, release, startRelease } from '../support/releases';
import { assertReplays } from '../support/replays';

/** Roll back and retire, through the workflow of the family. */
describe('an image family', { concurrency: 4 }, () => {
  let stack: BuildStack;
  before(async () => {
    // A copy does not end by itself in the time of a test.
    stack = await startBuildStack({ simulator: { durations: { ...testDurations, copy: 10_000_000 } } });
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  const place = { region, heartbeat: 5 };
  const imageOf = ({ images }: Release) => images[0]!.imageId;
  /** As somebody does by hand: the image is SYNCING for as long as that takes. */
  const copyToShanghai = (imageId: string) =>
    new CvmClient({
      credential: { secretId: 'AKIDsimulator', secretKey: 'simulator' },
      region,
      profile: { httpProfile: { protocol: 'http://', endpoint: new URL(stack.cloud.url).host } },
    }).SyncImages({ ImageIds: [imageId], DestinationRegions: ['ap-shanghai'] });
  const night = (count: number) => ({ nominalAt: new Date(Date.UTC(2026, 10, count)).toISOString() });
  const aboutOf = async ({ family }: Pick<PipelineInput, 'family'>) => {
    const { client, taskQueue } = stack;
    const { accountId } = await listFamily(client, { region, family }, { taskQueue });
    return { accountId, family, taskQueue };
  };

  /** Images of a family that no run of this test has made, the oldest first; answers their IDs. */
  const seeded = async (where: string, family: string, states: ReleaseState[], more: Record<string, unknown> = {}) => {
    const key = randomBytes(3).toString('hex');
    const images = states.map((state, index) => {
      const { nominalAt } = night(index + 1);
      return {
        region: where,
        id: `img-${key}0${index}`,
        name: `${family}-${index}`,
        ...(state === 'current' ? { family } : {}),
        tags: {
          [tagKeys.build]: `test/${key}00-00000000000${index}`,
          [tagKeys.state]: 'kept',
          [tagKeys.family]: `test/${family}`,
          [tagKeys.release]: `${state}/${nominalAt}`,
          [tagKeys.run]: `release-00000000000${index}/${nominalAt}`,
        },
        ...more,
      };
    });
    await stack.cloud.seed({ images });
    return images.map(({ id }) => id);
  };

  test('is rolled back to what was current before, and on to the one before that', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const [first, second, third] = [
      imageOf(await release(stack, pipeline, night(1))),
      imageOf(await release(stack, pipeline, night(2))),
      imageOf(await release(stack, pipeline, night(3))),
    ];
    const about = await aboutOf(pipeline);
    const back = () => rollBack(stack.client, about, { place, by: 'Ada', reason: 'it crashes' });
    const done = await back();
    assert.deepEqual([done.imageId, done.previous], [second, third]);
    let now = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual([now.of('current'), now.of('withdrawn'), now.of('released')], [[second], [third], [first]]);
    // The cloud answers with the youngest image of the family, which is not the current one any more.
    assert.deepEqual(now.answers, [second]);
    assert.equal((await back()).imageId, first);
    await assert.rejects(back(), /was current before/);
    await assert.rejects(rollBack(stack.client, about, { place, by: 'Ada', to: first }), /is the current one already/);
    await rollBack(stack.client, about, { place, by: 'Ada', to: third });
    now = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual([now.of('current'), now.answers], [[third], [third]]);
  });

  test('a rollback takes back what whoever asks has seen, and nothing that has become current since', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const { family } = pipeline;
    const [first, second, third] = [
      imageOf(await release(stack, pipeline, night(1))),
      imageOf(await release(stack, pipeline, night(2))),
      imageOf(await release(stack, pipeline, night(3))),
    ];
    const about = await aboutOf(pipeline);
    const back = (from: string) => rollBack(stack.client, about, { place, by: 'Ada', from });
    const current = async () => (await familyInCloud(stack.cloud, family)).of('current');
    // Two at the same moment, as people on call are; and once more, when an answer was lost.
    const both = await Promise.all([back(third), back(third)]);
    assert.deepEqual(
      both.map(({ imageId }) => imageId),
      [second, second],
    );
    const again = await back(third);
    assert.deepEqual([again.imageId, again.previous], [second, undefined]);
    assert.match(again.notes.join(), new RegExp(`${third} was taken back already`));
    assert.deepEqual(await current(), [second]);
    const fourth = imageOf(await release(stack, pipeline, night(4)));
    await assert.rejects(back(second), new RegExp(`${fourth} .* has become the current one .* instead of ${second}`));
    assert.deepEqual(await current(), [fourth]);
    // Neither does a promotion bring back what was taken back, such as one that a held run asks for anew.
    const handle = stack.client.workflow.getHandle(familyWorkflowId(about.accountId, family));
    await assert.rejects(
      handle.executeUpdate(promoteUpdate, { args: [{ place, imageId: third, by: 'test' }] }),
      (error: Error) => String(error.cause).includes('withdrawn by a rollback'),
    );
    assert.deepEqual(await current(), [fourth]);
    // What a retirement deletes is what was agreed to.
    const rules = { place, keep: 1, youngerThan: 0, keepRejected: 0, now: night(9).nominalAt, dryRun: false };
    const kept = await retireFamily(stack.client, about, { ...rules, only: [third] });
    assert.deepEqual(
      Object.fromEntries(kept.filter(({ outcome }) => outcome === 'deleted').map((one) => [one.imageId, one.outcome])),
      { [third]: 'deleted' },
    );
    const { images } = await familyInCloud(stack.cloud, family);
    assert.deepEqual(images.map(({ id }) => id).sort(), [first, second, fourth].sort());
  });

  test('is rolled back while its current image is being copied: its tag at once, ImageFamily when it can be', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const [first, second] = [
      imageOf(await release(stack, pipeline, night(1))),
      imageOf(await release(stack, pipeline, night(2))),
    ];
    const about = await aboutOf(pipeline);
    await copyToShanghai(second);
    const done = await rollBack(stack.client, about, { place, by: 'Ada' });
    assert.deepEqual([done.imageId, done.previous], [first, second]);
    assert.match(done.notes.join(), new RegExp(`may answer ${second} until it has been copied`));
    const now = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual([now.of('current'), now.of('withdrawn')], [[first], [second]]);
    assert.deepEqual(now.answers.sort(), [first, second].sort());
    // There is no going back to it before it has been copied, and nothing changes for having tried.
    await assert.rejects(rollBack(stack.client, about, { place, by: 'Ada', to: second }), /SYNCING/);
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family)).of('current'), [first]);
    // Meanwhile the family is at everybody's service.
    const third = imageOf(await release(stack, pipeline, night(3)));
    await stack.cloud.send('POST', 'interfere', { act: 'finish-image', id: second });
    await until(async () => {
      const { answers } = await familyInCloud(stack.cloud, pipeline.family);
      return answers.length === 1 ? true : undefined;
    });
    const later = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual([later.of('current'), later.answers], [[third], [third]]);
    assert.deepEqual([later.of('withdrawn'), later.of('released')], [[second], [first]]);
  });

  test('keeps what its pipeline says: nights seconds apart, ages counted from when they were due', async () => {
    const rules = { keep: 2, youngerThan: '3d', keepRejected: '1d' };
    const pipeline = await pipelineOf(stack, { retire: rules }, { dataDisks: 1 });
    const made: Release[] = [];
    for (let count = 1; count <= 7; count += 1) made.push(await release(stack, pipeline, night(count)));
    const now = await familyInCloud(stack.cloud, pipeline.family);
    // The seventh: older than three days is what was due on the fourth or before; the fourth is three days old to the second.
    assert.deepEqual(now.images.map(({ id }) => id).sort(), made.slice(4).map(imageOf).sort());
    assert.deepEqual(now.of('current'), [imageOf(made[6]!)]);
    const { snapshots } = await stack.cloud.state(region);
    const gone = made.slice(0, 4).flatMap(({ images }) => images[0]!.snapshots.map(({ snapshotId }) => snapshotId));
    assert.equal(gone.length, 4);
    assert.deepEqual(
      snapshots.filter(({ id }) => gone.includes(id)),
      [],
    );
    assert.ok(made[6]!.retired.every(({ outcome }) => outcome === 'deleted'));
  });

  test('a dry run deletes nothing, and says what would go', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const all: string[] = [];
    for (const count of [1, 2, 3, 4]) all.push(imageOf(await release(stack, pipeline, night(count))));
    const about = await aboutOf(pipeline);
    const rules = { place, keep: 1, youngerThan: 0, keepRejected: 0, now: night(5).nominalAt };
    const dry = await retireFamily(stack.client, about, { ...rules, dryRun: true });
    assert.deepEqual(
      dry.map(({ imageId, outcome }) => [imageId, outcome]),
      [...all].reverse().map((imageId, index) => [imageId, index < 2 ? 'stays' : 'would go']),
    );
    assert.equal((await familyInCloud(stack.cloud, pipeline.family)).images.length, 4);
    const wet = await retireFamily(stack.client, about, { ...rules, dryRun: false });
    assert.ok(
      wet.every(({ outcome }) => outcome === 'deleted'),
      JSON.stringify(wet),
    );
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family)).images.length, 2);
    assert.deepEqual(await retireFamily(stack.client, about, { ...rules, dryRun: false }), []);
  });

  test('a rollback in the middle of a retirement: what is current then is not retired', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const all: string[] = [];
    for (const count of [1, 2, 3, 4, 5]) all.push(imageOf(await release(stack, pipeline, night(count))));
    const about = await aboutOf(pipeline);
    const [, , third] = all as [string, string, string];
    const rules = { place, keep: 1, youngerThan: 0, keepRejected: 0, now: night(9).nominalAt, dryRun: false };
    // The newest of what is to go comes first, and its deletion is held up while the rollback is asked for.
    const { met, release: go } = await stack.cloud.stall('DeleteImages', third);
    const retiring = retireFamily(stack.client, about, rules);
    await until(async () => ((await met()) ? true : undefined));
    const rolling = rollBack(stack.client, about, { place, by: 'Ada', to: all[0]! });
    await go();
    const [retired, rolled] = await Promise.all([retiring, rolling]);
    assert.equal(rolled.imageId, all[0]);
    const now = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual([now.of('current'), now.answers], [[all[0]], [all[0]]]);
    assert.equal(retired.find(({ imageId }) => imageId === all[0])?.outcome, 'left');
  });

  test('a change that fails after the shares were taken: they are given back, or the failure says whose are lost', async () => {
    const partner = '100000000002';
    const pipeline = await pipelineOf(stack, { distribute: { accounts: [partner] } }, { dataDisks: 0 });
    const [first, second] = [
      imageOf(await release(stack, pipeline, night(1))),
      imageOf(await release(stack, pipeline, night(2))),
    ];
    const about = await aboutOf(pipeline);
    const rolledBack = () => rollBack(stack.client, about, { place, by: 'Ada' });
    const sharesOf = async (imageId: string) => {
      const { images } = await familyInCloud(stack.cloud, pipeline.family);
      const shares = images.find(({ id }) => id === imageId)!.shares as { account: string }[];
      return shares.map(({ account }) => account);
    };
    /** Neither takes the image its change, nor, so many times, may it be shared again. */
    const refused = async (imageId: string, times: number) => {
      const refusal = { kind: 'error', code: 'InvalidParameterValue', when: 'before' };
      const change = { action: 'ModifyImageAttribute', match: { ImageId: imageId }, message: 'no change today' };
      const share = {
        action: 'ModifyImageSharePermission',
        match: { ImageId: imageId, Permission: 'SHARE' },
        message: 'no sharing today',
      };
      const fired = [
        await stack.cloud.armed({ ...refusal, ...change }),
        await stack.cloud.armed({ ...refusal, ...share, times }),
      ];
      return () => Promise.all(fired.map((one) => one()));
    };

    // The one that was to become current: in the change, once; then nobody is in the way.
    let fired = await refused(first, 1);
    await assert.rejects(rolledBack(), (error: Error) => {
      assert.match(error.message, /no sharing today/);
      assert.doesNotMatch(error.message, /no longer shared/);
      return true;
    });
    await fired();
    assert.deepEqual([await sharesOf(first), await sharesOf(second)], [[partner], [partner]]);
    let now = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual([now.of('current'), now.of('released'), now.answers], [[second], [first], [second]]);

    // In the change, for all accounts at once, and for each by itself: it stays so.
    fired = await refused(first, 3);
    await assert.rejects(rolledBack(), new RegExp(`${first} is no longer shared with ${partner}: .*no sharing today`));
    await fired();
    assert.deepEqual([await sharesOf(first), await sharesOf(second)], [[], [partner]]);

    // The one that was current, when the other is so already: the rollback is done, and what is left of it is seen to.
    fired = await refused(second, 1);
    const { imageId, notes } = await rolledBack();
    await fired();
    assert.equal(imageId, first);
    assert.match(
      notes.join(),
      new RegExp(`${first} is current, but ${second} .*that is tried again: .*no sharing today`),
    );
    // Asked for again, it goes no further back.
    const again = await rollBack(stack.client, about, { place, by: 'Ada', from: second });
    assert.deepEqual([again.imageId, again.notes], [first, [`${second} was taken back already: nothing was changed`]]);
    now = await until(async () => {
      const seen = await familyInCloud(stack.cloud, pipeline.family);
      return seen.answers.length === 1 ? seen : undefined;
    });
    assert.deepEqual([now.of('current'), now.of('withdrawn'), now.answers], [[first], [second], [first]]);
    await until(async () => ((await sharesOf(second)).length > 0 ? true : undefined));
    assert.deepEqual([await sharesOf(first), await sharesOf(second)], [[], [partner]]);
    const workflowId = familyWorkflowId(about.accountId, pipeline.family);
    await assertReplays(stack.client.workflow.getHandle(workflowId));
  });

  test('the mark of the one before cannot be taken: the rollback is done, and the mark follows', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const [first, second] = [
      imageOf(await release(stack, pipeline, night(1))),
      imageOf(await release(stack, pipeline, night(2))),
    ];
    const refusal = { kind: 'error', code: 'InvalidParameterValue', message: 'no tag today', when: 'before' };
    const fired = await stack.cloud.armed({ action: 'TagResources', contains: `image/${second}`, ...refusal });
    const about = await aboutOf(pipeline);
    const { imageId, notes } = await rollBack(stack.client, about, { place, by: 'Ada' });
    await fired();
    assert.equal(imageId, first);
    assert.match(notes.join(), /no tag today/);
    const now = await until(async () => {
      const seen = await familyInCloud(stack.cloud, pipeline.family);
      return seen.of('withdrawn').length === 1 && seen.answers.length === 1 ? seen : undefined;
    });
    assert.deepEqual([now.of('current'), now.of('withdrawn'), now.answers], [[first], [second], [first]]);
  });

  test('a rollback waits neither for snapshots nor for another region', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 1 });
    const { family } = pipeline;
    const made: Release[] = [];
    for (const count of [1, 2, 3]) made.push(await release(stack, pipeline, night(count)));
    const [first, second] = made as [Release, Release];
    const about = await aboutOf(pipeline);
    const [rejected] = await seeded('ap-shanghai', family, ['rejected']);
    const { snapshotId } = first.images[0]!.snapshots[0]!;
    const held = [
      await stack.cloud.stall('DeleteSnapshots', snapshotId),
      await stack.cloud.stall('DeleteImages', rejected!),
      await stack.cloud.stall('TagResources', `image/${imageOf(second)}`),
    ] as const;
    const rules = { keep: 1, youngerThan: 0, keepRejected: 0, now: night(9).nominalAt, dryRun: false };
    const retire = (where: string) =>
      retireFamily(stack.client, about, { ...rules, place: { region: where, heartbeat: 5 } });
    const retiring = Promise.all([region, 'ap-shanghai'].map(retire));
    const isHeld = ({ met }: (typeof held)[number]) => until(async () => ((await met()) ? true : undefined));
    await Promise.all([isHeld(held[0]), isHeld(held[1])]);
    const rolling = rollBack(stack.client, about, { place, by: 'Ada' });
    await isHeld(held[2]);
    const handle = stack.client.workflow.getHandle(familyWorkflowId(about.accountId, family));
    const { doing, orphaned } = await handle.query(familyQuery);
    assert.deepEqual(doing?.split('; '), [
      `ap-shanghai: retire ${rejected!} (${family}-0)`,
      `${region}: roll back in ${region}, asked by Ada`,
    ]);
    assert.deepEqual(
      orphaned?.map(({ imageId, tries }) => [imageId, tries]),
      [[imageOf(first), undefined]],
    );
    await held[2].release();
    assert.equal((await rolling).imageId, imageOf(second));
    for (const { release: go } of [held[0], held[1]]) await go();
    assert.deepEqual(
      (await retiring).flat().map(({ imageId, outcome, snapshotIds }) => [imageId, outcome, snapshotIds]),
      [
        [imageOf(first), 'deleted', undefined],
        [rejected, 'deleted', undefined],
      ],
    );
    const { snapshots } = await stack.cloud.state(region);
    assert.ok(!snapshots.some(({ id }) => id === snapshotId));
    assert.deepEqual((await handle.query(familyQuery)).orphaned, []);
  });

  test('what stays after all is shared as before; when it cannot be, its retirement says so', async () => {
    const family = `web-${randomBytes(4).toString('hex')}`;
    const partner = '100000000002';
    await stack.cloud.seed({ accounts: [{ uin: partner, keys: [] }] });
    const [oldest] = await seeded(region, family, ['released', 'released', 'current'], { sharedWith: [partner] });
    const refused = {
      kind: 'error',
      code: 'InvalidParameterValue.InvalidImageId',
      message: 'not this one',
      when: 'before',
    };
    const kept = await stack.cloud.fault({ action: 'DeleteImages', contains: oldest!, ...refused, times: 1000 });
    const about = await aboutOf({ family });
    const retire = async () => {
      const rules = { keep: 1, youngerThan: 0, keepRejected: 0, now: night(9).nominalAt, dryRun: false };
      const [one] = await retireFamily(stack.client, about, { place, ...rules });
      const { images } = await stack.cloud.state(region);
      const shares = images.find(({ id }) => id === oldest)?.shares as { account: string }[] | undefined;
      return { ...one!, sharedWith: shares?.map(({ account }) => account) };
    };
    const changes = async () =>
      (await stack.cloud.calls({ action: 'ModifyImageSharePermission' })).filter(
        ({ applied, resources }) => applied && resources.includes(oldest!),
      ).length;

    const left = await retire();
    assert.deepEqual([left.imageId, left.outcome, left.sharedWith], [oldest, 'left', [partner]]);
    assert.match(left.problem!, /not this one/);
    assert.doesNotMatch(left.problem!, /shared/);
    assert.equal(await changes(), 2, 'it was unshared, and shared again');

    const code = 'InvalidParameterValue';
    const share = { action: 'ModifyImageSharePermission', contains: '"Permission":"SHARE"', times: 1000 };
    const unshared = await stack.cloud.fault({ ...share, ...refused, code, message: 'not with them' });
    const told = await retire();
    assert.deepEqual([told.outcome, told.sharedWith], ['left', []]);
    assert.match(
      told.problem!,
      new RegExp(`not this one.*; it could not be shared again with ${partner}: .*not with them`),
    );
    for (const id of [kept, unshared]) await stack.cloud.send('DELETE', `faults/${id}`);
    assert.equal((await retire()).outcome, 'deleted');
  });

  test('what cannot be deleted holds the run at that stage, and the release is out', async () => {
    const pipeline = await pipelineOf(stack, { retire: { keep: 1 } }, { dataDisks: 0 });
    const [first] = [imageOf(await release(stack, pipeline, night(1))), await release(stack, pipeline, night(2))];
    const refusal = { kind: 'error', code: 'InvalidParameterValue.InvalidImageId', message: 'no', when: 'before' };
    const id = await stack.cloud.fault({ action: 'DeleteImages', contains: first, ...refusal });
    const handle = await startRelease(stack, pipeline, night(3));
    await assert.rejects(ended(handle), (error: Error) => {
      assert.match(String(error.cause), new RegExp(`retire: ${first} could not be deleted`));
      return true;
    });
    assert.ok((await stack.cloud.calls({ action: 'DeleteImages' })).some(({ faults }) => faults.includes(id)));
    const now = await familyInCloud(stack.cloud, pipeline.family);
    assert.equal(now.of('current').length, 1);
    assert.deepEqual(now.of('rejected'), []);
    assert.ok(now.images.some((image) => image.id === first));
  });
});
