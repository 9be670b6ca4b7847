import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { familyWorkflowId, makeRoomUpdate, type Release, releaseQuery, retryStepUpdate, tagKeys } from '../../contract';
import { extendRelease, listFamily, rollBack } from '../../client';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { assertNeverRefused, fill, someoneDeletes, untilCalled, untilQuotaEnded, untilWaiting } from '../support/quota';
import { ids, until } from '../support/judge';
import { ended, familyInCloud, imageOf, pipelineIn, release, startRelease, untilRelease } from '../support/releases';

// The quota is that of a whole region, so each of these has one for itself.
describe('room for the images of pipelines', () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
  });
  after(() => stack.stop());

  const quota = (most: number, where: string) => stack.cloud.seed({ imageQuota: { [where]: most } });

  test('retire-oldest while the family is rolled back to that image: it stays, and is current', async () => {
    const region = 'ap-beijing';
    await quota(200, region);
    const pipeline = await pipelineIn(stack, region, { room: { whenFull: 'retire-oldest' } });
    const { family } = pipeline;
    const all: string[] = [];
    for (const day of [1, 2, 3, 4]) {
      all.push(imageOf(await release(stack, pipeline, { nominalAt: `2026-11-0${day}T00:00:00.000Z` })));
    }
    const [oldest, second] = all as [string, string];
    await quota((await stack.cloud.state(region)).images.length, region);
    const { client, taskQueue } = stack;
    const { accountId } = await listFamily(client, { region, family }, { taskQueue });
    // The rollback has begun, and does not come to its end before the oldest has been chosen to go.
    const tagging = await stack.cloud.stall('TagResources', oldest);
    const place = { region, heartbeat: 5 };
    const rolling = rollBack(client, { accountId, family, taskQueue }, { place, by: 'Ada', to: oldest });
    await until(async () => ((await tagging.met()) ? true : undefined));
    const handle = await startRelease(stack, pipeline, { nominalAt: '2026-11-05T00:00:00.000Z' });
    const familyOf = client.workflow.getHandle(familyWorkflowId(accountId, family));
    await until(async () => {
      const { events } = await familyOf.fetchHistory();
      const accepted = events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes) ?? [];
      const asked = accepted.at(-1)?.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.name;
      return asked === makeRoomUpdate.name ? true : undefined;
    });
    await tagging.release();
    assert.equal((await rolling).imageId, oldest);
    const made = await ended(handle);
    assert.equal(made.outcome, 'released');
    const now = await familyInCloud(stack.cloud, family, region);
    assert.ok(ids(now.images).includes(oldest), 'what became current was not deleted');
    assert.ok(!ids(now.images).includes(second), 'the oldest that nobody needs went instead');
    assert.deepEqual(now.of('current'), [imageOf(made)]);
    await assertNeverRefused(stack.cloud, region);
  });

  test('a copy waits for room in its region, and takes the slot that becomes free', async () => {
    const where = 'ap-shanghai';
    await quota(1, where);
    const [inTheWay] = await fill(stack.cloud, where, ['in-the-way']);
    const source = () =>
      pipelineIn(stack, 'ap-chengdu', { distribute: { regions: [where] }, room: { whenFull: 'wait', deadline: '1h' } });
    const pipeline = await source();
    const first = await startRelease(stack, await source());
    await untilWaiting(stack, where, 1);
    const handle = await startRelease(stack, pipeline);
    /** The copy of the second, once it has this place. */
    const queuedAt = (position: number) =>
      until(async () => {
        const { distribution } = await handle.query(releaseQuery);
        const queued = distribution?.[0]?.queued;
        return queued?.position === position ? queued : undefined;
      });
    const second = await queuedAt(2);
    assert.deepEqual(second.images, { used: 1, total: 1 });
    assert.ok(
      Date.parse(second.until) > Date.now() + 3_000_000,
      `room.deadline is an hour, and it waits until ${second.until}`,
    );
    assert.deepEqual(
      (await stack.cloud.calls({ action: 'SyncImages' })).filter(({ applied }) => applied),
      [],
    );
    // Who gives up makes way; the quota tells those behind.
    await first.cancel();
    const now = await queuedAt(1);
    assert.equal(now.since, second.since);
    const told = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
    const row = told.currentDetails?.split('\n').find((text) => text.startsWith(`| ${where} `));
    assert.match(row ?? '', new RegExp(`at work \\| waits for room until ${now.until}, place 1 in the queue`));
    await someoneDeletes(stack.cloud, inTheWay!);
    const made = await ended(handle);
    assert.equal(made.outcome, 'released', JSON.stringify(made.distribution));
    assert.equal(made.distribution?.[0]?.queued, undefined);
    const { images } = await stack.cloud.state(where);
    assert.deepEqual(
      images.map(({ tags }) => tags[tagKeys.build]),
      [`test/${made.build!.buildId}`],
    );
  });

  /** What a release says of a place that it was to be copied to. */
  const placeOf = ({ distribution }: Release, where: string) => distribution!.find((one) => one.region === where)!;
  test('no room for a copy, fail: that region is left out, and nobody there loses an image', async () => {
    const where = 'ap-hongkong';
    await quota(1, where);
    const others = await fill(stack.cloud, where, ['in-the-way']);
    const pipeline = await pipelineIn(stack, 'ap-jakarta', { distribute: { regions: [where] }, onFailure: 'hold' });
    const handle = await startRelease(stack, pipeline);
    const { held } = await untilRelease(handle, (progress) => progress.held !== undefined);
    assert.equal(held!.step, 'distribute');
    assert.match(held!.message, /ap-hongkong has 1 of 1 custom images: there is no room for a copy/);
    assert.match(held!.advice!, /Delete custom images there.*A retry takes only the regions that failed/);
    assert.deepEqual(ids((await stack.cloud.state(where)).images), others);
    // At home it is out.
    const home = await familyInCloud(stack.cloud, pipeline.family, 'ap-jakarta');
    assert.equal(home.of('current').length, 1);
    await someoneDeletes(stack.cloud, others[0]!);
    await handle.executeUpdate(retryStepUpdate, { args: [{}] });
    const made = await ended(handle);
    assert.equal(made.outcome, 'released', JSON.stringify(made.distribution));
    assert.deepEqual(home.of('current'), [imageOf(made)]);
    // Its slot has ended with it: room for one more is room for the next run.
    await quota(2, where);
    assert.equal((await release(stack, pipeline)).outcome, 'released');
  });

  test('no room for a copy, retire-oldest: the oldest copy of the family there makes room', async () => {
    const [home, where] = ['ap-seoul', 'ap-tokyo'];
    const pipeline = await pipelineIn(stack, home, {
      distribute: { regions: [where] },
      room: { whenFull: 'retire-oldest' },
    });
    const made: Release[] = [];
    for (const day of [1, 2, 3]) {
      made.push(await release(stack, pipeline, { nominalAt: `2026-11-0${day}T00:00:00.000Z` }));
    }
    const copyOf = ({ images }: Release) => images.find((image) => image.region === where)!.imageId;
    const others = await fill(stack.cloud, where, ['in-the-way']);
    await quota(4, where);
    const last = await release(stack, pipeline, { nominalAt: '2026-11-04T00:00:00.000Z' });
    assert.equal(last.outcome, 'released', JSON.stringify(last.distribution));
    const { images } = await stack.cloud.state(where);
    const stay = [...others, copyOf(made[1]!), copyOf(made[2]!), copyOf(last)];
    assert.deepEqual(ids(images), stay.sort());
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family, where)).of('current'), [copyOf(last)]);
    // Where there was room nobody had to go.
    assert.equal((await stack.cloud.state(home)).images.length, 4);
    const asked = await stack.cloud.calls({ action: 'SyncImages' });
    assert.ok(!asked.some(({ outcome, region }) => outcome === 'ImageQuotaLimitExceeded' && region === home));
  });

  test('more time, given while copies wait for room: they go on waiting, and keep their places', async () => {
    const [home, full] = ['ap-nanjing', 'ap-chongqing'];
    await quota(1, full);
    const others = await fill(stack.cloud, full, ['in-the-way']);
    const pipeline = await pipelineIn(stack, home, {
      distribute: { regions: [full] },
      room: { whenFull: 'wait', deadline: 10 },
    });
    const handle = await startRelease(stack, pipeline);
    const queued = () =>
      until(async () => {
        const { queued } = (await handle.query(releaseQuery)).distribution?.[0] ?? {};
        return queued?.position === 1 ? queued : undefined;
      });
    await untilCalled(handle, 'reserveRoom', 2);
    const before = await queued();
    const { workflowId } = handle;
    const given = await extendRelease(stack.client, { workflowId }, { seconds: 600 });
    assert.deepEqual(given, { of: 'room', until: new Date(Date.parse(before.until) + 600_000).toISOString() });
    assert.equal((await queued()).until, given.until);
    // When the time is over that it had at first, it asks again.
    await untilCalled(handle, 'reserveRoom', 3);
    const after = await queued();
    assert.deepEqual([after.since, after.until], [before.since, given.until]);
    await someoneDeletes(stack.cloud, others[0]!);
    assert.equal((await ended(handle)).outcome, 'released');
  });

  test('no room for a copy within the deadline: that region has failed, and nobody waits there any more', async () => {
    const [home, full, free] = ['ap-mumbai', 'ap-bangkok', 'ap-singapore'];
    await quota(1, full);
    const others = await fill(stack.cloud, full, ['in-the-way']);
    const pipeline = await pipelineIn(stack, home, {
      distribute: { regions: [full, free] },
      room: { whenFull: 'wait', deadline: 3 },
    });
    const made = await release(stack, pipeline);
    assert.equal(made.outcome, 'partial', JSON.stringify(made.distribution));
    assert.match(made.reason!, /distribute: ap-bangkok: ap-bangkok had no room for a copy within 3 s/);
    const { state, problem } = placeOf(made, full);
    assert.deepEqual([state, problem?.code], ['failed', 'ImageQuotaLimitExceeded']);
    assert.match(problem!.advice!, /room\.deadline gives later runs more time/);
    assert.equal(placeOf(made, free).state, 'done');
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family, free)).of('current').length, 1);
    assert.deepEqual(ids((await stack.cloud.state(full)).images), others);
    // Its place is given back: the next to come is the first.
    await untilQuotaEnded(stack, full);
    await someoneDeletes(stack.cloud, others[0]!);
    assert.equal((await release(stack, pipeline)).outcome, 'released');
  });
});
