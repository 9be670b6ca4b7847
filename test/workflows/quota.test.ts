import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client as CvmClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_client';
import { extendDeadlineUpdate, type Lease, quotaWorkflowId, quotaWorkflowType, tagKeys } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { assertClean, assertSource, failureOf, resourcesOf, until, untilProgress } from '../support/judge';
import {
  askAgain,
  assertNeverRefused,
  countImages,
  familyImages,
  fill,
  placeOf,
  quotaNow,
  quotaOf,
  someoneDeletes,
  startInTurn,
  untilAt,
  untilCalled,
  untilQuotaEnded,
} from '../support/quota';
import { resetRun } from '../support/reset';

// Each test has a region of its own: what it counts is its alone.
describe('room for images', { concurrency: 4 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
  });
  after(() => stack.stop());

  const quota = (region: string, most: number) => stack.cloud.seed({ imageQuota: { [region]: most } });

  test('fail: what others build counts, and the source is not touched', async () => {
    const region = 'ap-shanghai';
    await quota(region, 2);
    await fill(stack.cloud, region, ['there-already']);
    const { met, release } = await stack.cloud.stall('CreateImage', 'room-');
    const first = await startInTurn(stack, region, { room: { whenFull: 'fail' } });
    await until(async () => ((await met()) ? true : undefined));
    const second = await startInTurn(stack, region, { room: { whenFull: 'fail' } });
    const failure = await failureOf(second.handle);
    assert.equal(failure.code, 'ImageQuotaLimitExceeded');
    assert.equal(failure.step, 'checkQuota');
    assert.match(failure.message, /1 of 2 custom images, 1 more is being built: there is no room for one more/);
    assert.match(failure.message, /there-already/);
    const stops = await stack.cloud.calls({ action: 'StopInstances', region });
    assert.ok(
      stops.every(({ resources }) => !resources.includes(second.instanceId)),
      'the source was not stopped',
    );
    await release();
    await first.handle.result();
    await assertNeverRefused(stack.cloud, region);
  });

  test('twelve at once, wait: never more than the quota, in the order of arrival', async () => {
    const region = 'ap-tokyo';
    await quota(region, 10);
    const others = await fill(stack.cloud, region, ['other-1', 'other-2', 'other-3']);
    const counting = countImages(stack.cloud, region);
    const builds = [];
    for (let index = 0; index < 12; index += 1) builds.push(await startInTurn(stack, region));
    const places = await Promise.all(builds.map(placeOf));
    assert.deepEqual(places.slice(0, 7), Array.from({ length: 7 }), 'seven have a slot');
    assert.deepEqual(places.slice(7), [1, 2, 3, 4, 5], 'five wait in the order in which they came');
    await Promise.all(builds.slice(0, 7).map(({ handle }) => handle.result()));
    const { images, leases, queue } = await quotaNow(stack, region);
    assert.equal(images!.total, 10);
    assert.deepEqual([leases.length + queue.length >= 5, queue.length], [true, 5]);

    // One by one, the next one in the queue gets what becomes free; nobody else moves ahead.
    for (const [index, imageId] of others.entries()) {
      await someoneDeletes(stack.cloud, imageId);
      const [next, ...rest] = builds.slice(7 + index);
      await next!.handle.result();
      for (const [place, build] of rest.entries()) await untilAt(build, place + 1);
    }
    assert.equal((await stack.cloud.state(region)).images.length, 10);
    assert.equal(await counting.stop(), 10, 'never more than the quota');
    await quota(region, 12);
    await Promise.all(builds.map(({ handle }) => handle.result()));
    await assertNeverRefused(stack.cloud, region);
    for (const { instanceId } of builds) assertSource((await resourcesOf(stack.cloud, region, instanceId)).source);
    const { historyLength } = await builds[11]!.handle.describe();
    assert.ok(historyLength <= 100, `${historyLength} events, its five places included`);
  });

  test('a crowd that comes at the same moment', async () => {
    const region = 'ap-singapore';
    await quota(region, 5);
    const counting = countImages(stack.cloud, region);
    const builds = await Promise.all(
      Array.from({ length: 16 }, async () => {
        const instanceId = await stack.instance({ region, dataDisks: 0 });
        const image = { name: `room-${instanceId}` };
        return { instanceId, handle: await stack.start({ region, instanceId, image, room: { whenFull: 'wait' } }) };
      }),
    );
    const finished = new Set<string>();
    const all = Promise.all(
      builds.map(async ({ handle, instanceId }) => {
        await handle.result();
        finished.add(instanceId);
        // Somebody takes each image away, which makes room for the next.
        const { images } = await resourcesOf(stack.cloud, region, instanceId);
        await someoneDeletes(stack.cloud, images[0]!.id);
      }),
    );
    await all;
    assert.equal(finished.size, 16);
    assert.ok((await counting.stop()) <= 5, 'never more than the quota');
    await assertNeverRefused(stack.cloud, region);
  });

  test('a terminated holder gives its slot to the next, and the workflow ends when nobody is left', async () => {
    const region = 'ap-seoul';
    await quota(region, 1);
    const { met, release } = await stack.cloud.stall('StopInstances', 'ins-');
    const deadlines = { heartbeat: 2 };
    const holder = await startInTurn(stack, region, { deadlines });
    await until(async () => ((await met()) ? true : undefined));
    const next = await startInTurn(stack, region, { deadlines });
    assert.equal(await placeOf(next), 1);
    await holder.handle.terminate('a test');
    await untilProgress(next.handle, ({ queued, phase }) => queued === undefined && phase !== 'queued');
    await release();
    await next.handle.result();
    await assertNeverRefused(stack.cloud, region);
    await untilQuotaEnded(stack, region);
  });

  test('a build that is cancelled, or has waited long enough, leaves the queue', async () => {
    const region = 'ap-bangkok';
    await quota(region, 1);
    const [other] = await fill(stack.cloud, region, ['in-the-way']);
    const cancelled = await startInTurn(stack, region);
    // Its own deadline stands still while it waits: it is over only when it has waited for as long as it may.
    const patient = await startInTurn(stack, region, {
      room: { whenFull: 'wait', deadline: 20 },
      deadlines: { build: 18 },
      onFailure: 'hold',
    });
    const last = await startInTurn(stack, region);
    assert.deepEqual(await Promise.all([cancelled, patient, last].map(placeOf)), [1, 2, 3]);
    await cancelled.handle.cancel();
    assert.equal((await failureOf(cancelled.handle)).cancelled, true);
    await untilAt(last, 2);
    const { held } = await untilProgress(patient.handle, ({ held }) => held !== undefined);
    assert.equal(held!.code, 'ImageQuotaLimitExceeded');
    assert.match(held!.message, /no room for one more custom image within 20 s \(1 of 1 when last asked, place 1/);
    // Held builds are open, and still nobody keeps a slot free for this one.
    await untilAt(last, 1);
    await someoneDeletes(stack.cloud, other!);
    await last.handle.result();
    await patient.handle.cancel();
    await failureOf(patient.handle);
    for (const { instanceId } of [cancelled, patient]) {
      const stops = await stack.cloud.calls({ action: 'StopInstances', region });
      assert.ok(stops.every(({ resources }) => !resources.includes(instanceId)));
    }
  });

  test('more time, given while a build waits: it goes on waiting, and keeps its place', async () => {
    const region = 'na-siliconvalley';
    await quota(region, 1);
    const [other] = await fill(stack.cloud, region, ['in-the-way']);
    const build = await startInTurn(stack, region, { room: { whenFull: 'wait', deadline: 10 } });
    const next = await startInTurn(stack, region);
    const { queued: before } = await untilProgress(build.handle, ({ queued }) => queued !== undefined);
    await build.handle.executeUpdate(extendDeadlineUpdate, { args: [{ of: 'room', seconds: 600 }] });
    const { queued: after } = await untilProgress(build.handle, ({ queued }) => queued !== undefined);
    assert.equal(Date.parse(after!.until), Date.parse(before!.until) + 600_000);
    assert.equal(after!.since, before!.since);
    // When the time is over that it had at first, it asks again.
    await untilCalled(build.handle, 'checkQuota', 2);
    assert.deepEqual(await Promise.all([build, next].map(placeOf)), [1, 2]);
    await someoneDeletes(stack.cloud, other!);
    await build.handle.result();
    await next.handle.cancel();
    await failureOf(next.handle);
  });

  test('a quota that is lowered lets nobody in until there is room below it', async () => {
    const region = 'ap-mumbai';
    await quota(region, 4);
    const others = await fill(stack.cloud, region, ['low-1', 'low-2', 'low-3', 'low-4']);
    const build = await startInTurn(stack, region);
    await quota(region, 2);
    for (const imageId of others.slice(0, 2)) await someoneDeletes(stack.cloud, imageId);
    await until(async () => {
      const { pendingActivities } = (await quotaOf(stack, region).describe()).raw;
      const [beat] = pendingActivities ?? [];
      const text = Buffer.from(beat?.heartbeatDetails?.payloads?.[0]?.data ?? '').toString();
      return text.includes('2 of 2 custom images') ? true : undefined;
    });
    assert.equal(await placeOf(build), 1);
    await someoneDeletes(stack.cloud, others[2]!);
    await build.handle.result();
    await assertNeverRefused(stack.cloud, region);
  });

  for (const [method, region] of [
    ['instance', 'ap-hongkong'],
    ['snapshots', 'ap-chengdu'],
  ] as const) {
    test(`method ${method}: room that somebody else takes meanwhile is waited for, with the source up`, async () => {
      await quota(region, 1);
      const { met, release } = await stack.cloud.stall('CreateImage', 'room-');
      const build = await startInTurn(stack, region, { method });
      await until(async () => ((await met()) ? true : undefined));
      const [foreign] = await fill(stack.cloud, region, ['somebody-elses']);
      await release();
      const { sourceDownSince } = await untilProgress(build.handle, ({ phase }) => phase === 'queued');
      assert.equal(sourceDownSince, undefined);
      const { source } = await resourcesOf(stack.cloud, region, build.instanceId);
      assertSource(source);
      const refused = await stack.cloud.calls({ action: 'CreateImage', region });
      assert.ok(refused.some(({ outcome }) => outcome === 'ImageQuotaLimitExceeded'));
      await someoneDeletes(stack.cloud, foreign!);
      await build.handle.result();
      const left = await resourcesOf(stack.cloud, region, build.instanceId);
      assert.equal(left.images.length, 1);
      assert.equal(left.snapshots.length, method === 'snapshots' ? 1 : 0);
      assertSource(left.source);
    });
  }

  test('a workflow that somebody ends by hand: the next one knows the slots', async () => {
    const region = 'ap-jakarta';
    await quota(region, 2);
    const { met, release } = await stack.cloud.stall('CreateImage', 'room-');
    const first = await startInTurn(stack, region);
    const second = await startInTurn(stack, region);
    const third = await startInTurn(stack, region);
    await until(async () => ((await met()) ? true : undefined));
    const { runId } = await quotaOf(stack, region).describe();
    await quotaOf(stack, region).terminate('somebody tidies up');
    const fourth = await startInTurn(stack, region);
    assert.notEqual((await quotaOf(stack, region).describe()).runId, runId);
    assert.deepEqual(await Promise.all([third, fourth].map(placeOf)), [1, 2]);
    await release();
    await Promise.all([first, second].map(({ handle }) => handle.result()));
    await quota(region, 4);
    await Promise.all([third, fourth].map(({ handle }) => handle.result()));
    await assertNeverRefused(stack.cloud, region);
  });

  test('a reset build keeps its slot, and the image that it has made counts once', async () => {
    const region = 'ap-nanjing';
    await quota(region, 1);
    const build = await startInTurn(stack, region);
    const { imageId } = await untilProgress(build.handle, ({ steps }) =>
      steps.some(({ step, state }) => step === 'pollImage' && state === 'running'),
    );
    await resetRun(stack.client, build.handle.workflowId);
    const result = (await stack.client.workflow.getHandle(build.handle.workflowId).result()) as {
      image: { imageId: string };
    };
    assert.equal((await stack.cloud.state(region)).images.length, 1);
    assert.ok(imageId !== undefined && result.image.imageId.startsWith('img-'));
    await assertNeverRefused(stack.cloud, region);
  });

  describe('retire-oldest', () => {
    const family = (region: string, name: string, tags: Record<string, string>[]) =>
      familyImages(stack.cloud, region, name, tags);
    const imagesIn = async (region: string) => (await stack.cloud.state(region)).images.map(({ id }) => id);

    test('the oldest one that nobody needs goes, and never one of another family', async () => {
      const region = 'ap-beijing';
      await quota(region, 5);
      const [foreign] = await fill(stack.cloud, region, ['older-and-foreign']);
      const [oldest, second, previous, current] = await family(region, 'web', [{}, {}, {}, {}]);
      const build = await startInTurn(stack, region, {
        image: { name: 'web-new', family: 'web' },
        room: { whenFull: 'retire-oldest' },
      });
      await build.handle.result();
      const left = await imagesIn(region);
      assert.ok(!left.includes(oldest!), 'the oldest is gone');
      for (const id of [foreign, second, previous, current]) assert.ok(left.includes(id!));
      assert.equal(left.length, 5);
      await assertNeverRefused(stack.cloud, region);
    });

    test('who has a slot and asks again keeps it, though somebody else came before: no other image goes for it', async () => {
      const region = 'ap-guangzhou';
      await quota(region, 4);
      const [oldest, ...others] = await family(region, 'web', [{}, {}, {}, {}]);
      const before = await startInTurn(stack, region);
      const { met, release } = await stack.cloud.stall('CreateImage', 'web-held');
      const build = await startInTurn(stack, region, {
        image: { name: 'web-held', family: 'web' },
        room: { whenFull: 'retire-oldest' },
      });
      await until(async () => ((await met()) ? true : undefined));
      assert.ok(!(await imagesIn(region)).includes(oldest!));
      assert.equal((await askAgain(stack, region, build)).is, 'granted');
      assert.equal(await placeOf(before), 1);
      const left = await imagesIn(region);
      for (const id of others) assert.ok(left.includes(id), id);
      await release();
      await build.handle.result();
      assert.equal(await placeOf(before), 1);
      await before.handle.cancel();
      await failureOf(before.handle);
      await assertNeverRefused(stack.cloud, region);
    });

    test('what is in use, shared, pending, foreign, current or previous stays; then it waits, and says why', async () => {
      const region = 'ap-chongqing';
      await quota(region, 6);
      const [used, shared, pending, foreign, previous, current] = await family(region, 'db', [
        {},
        {},
        { [tagKeys.state]: 'pending' },
        { [tagKeys.build]: 'somebody/else-000000000000' },
        {},
        {},
      ]);
      const cvm = async (action: string, body: object) => {
        const client = new CvmClient({
          credential: { secretId: 'AKIDsimulator', secretKey: 'simulator' },
          region,
          profile: { httpProfile: { protocol: 'http://', endpoint: new URL(stack.cloud.url).host } },
        });
        return client.request(action, body) as Promise<{ InstanceIdSet?: string[] }>;
      };
      const { InstanceIdSet } = await cvm('RunInstances', { ImageId: used, Placement: { Zone: `${region}-1` } });
      await cvm('ModifyImageSharePermission', {
        ImageId: shared,
        AccountIds: ['100000000002'],
        Permission: 'SHARE',
      });
      const build = await startInTurn(stack, region, {
        image: { name: 'db-new', family: 'db' },
        room: { whenFull: 'retire-oldest' },
      });
      const { queued } = await untilAt(build, 1);
      for (const id of [used, shared, pending, foreign, previous])
        assert.ok(queued!.why!.includes(id!), `${id}: ${queued!.why}`);
      assert.deepEqual((await imagesIn(region)).length, 6);
      assert.deepEqual(await stack.cloud.calls({ action: 'DeleteImages', region }), []);
      // As soon as one of them is no longer needed, it goes by itself.
      await stack.cloud.send('POST', 'interfere', { act: 'terminate-instance', id: InstanceIdSet![0] });
      await build.handle.result();
      const left = await imagesIn(region);
      assert.ok(!left.includes(used!));
      for (const id of [shared, pending, foreign, previous, current]) assert.ok(left.includes(id!));
    });

    test('by the tags of a pipeline: the current one stays though it is the oldest', async () => {
      const region = 'na-ashburn';
      await quota(region, 3);
      const at = (day: number) => `2026-11-0${day}T00:00:00.000Z`;
      const mark = (state: string, day: number) => ({
        [tagKeys.family]: 'test/api',
        [tagKeys.release]: `${state}/${at(day)}`,
        [tagKeys.run]: `release-00000000000${day}/${at(day)}`,
      });
      // The cloud answers for none of them: their ImageFamily is another one's.
      const marks = [mark('current', 9), mark('withdrawn', 2), mark('released', 8)];
      const [current, withdrawn, previous] = await family(region, 'silent', marks);
      const build = await startInTurn(stack, region, {
        image: { name: 'api-new', family: 'api', setImageFamily: false },
        room: { whenFull: 'retire-oldest' },
      });
      await build.handle.result();
      const left = await imagesIn(region);
      assert.ok(left.includes(current!) && left.includes(previous!));
      assert.ok(!left.includes(withdrawn!));
    });
  });

  test('whoever asks is answered while a worker that is gone is asked after its lease', async () => {
    const region = 'sa-saopaulo';
    const heartbeat = 0.1;
    const gone: Lease = {
      owner: 'test/ins-00000000-000000000000',
      buildId: 'ins-00000000-000000000000',
      workflowId: 'image-build/gone',
      since: '2026-11-25T00:00:00.000Z',
      grantedAt: '2026-11-25T00:00:00.000Z',
      taskQueue: 'nobody-is-here',
      heartbeat,
      whenFull: 'fail',
      refusals: 0,
    };
    const accountId = '100000000001';
    const handle = await stack.client.workflow.start(quotaWorkflowType, {
      workflowId: quotaWorkflowId(accountId, region),
      taskQueue: stack.taskQueue,
      args: [{ accountId, region, leases: [gone] }],
    });
    await until(async () => {
      const { raw } = await handle.describe();
      const looks = raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'inspectRoom') ?? false;
      return looks ? true : undefined;
    });
    const { handle: build } = await startInTurn(stack, region);
    await build.result();
  });

  test('what has failed and is undone leaves its slot to the next', async () => {
    const region = 'eu-frankfurt';
    await quota(region, 1);
    const instanceId = await stack.instance({ region, dataDisks: 0 });
    await stack.cloud.fault({ action: 'CreateImage', contains: `room-${instanceId}`, kind: 'image-fails' });
    const failing = await stack.start({ region, instanceId, image: { name: `room-${instanceId}` } });
    await untilProgress(failing, ({ steps }) =>
      steps.some(({ step, state }) => step === 'checkQuota' && state === 'done'),
    );
    const next = await startInTurn(stack, region);
    assert.equal(await placeOf(next), 1);
    await failureOf(failing);
    await next.handle.result();
    await assertClean(stack.cloud, region, instanceId);
    await assertNeverRefused(stack.cloud, region);
  });
});
