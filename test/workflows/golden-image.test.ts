import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { approveUpdate, rejectUpdate, releaseQuery, retryStepUpdate, tagKeys } from '../../contract';
import { type BuildStack, startBuildStack, testDurations } from '../support/build-stack';
import { assertSource, ids, resourcesOf, until } from '../support/judge';
import {
  ended,
  familyInCloud,
  leftOfTest,
  pipelineOf,
  region,
  release,
  releaseFailure,
  startRelease,
  testStage,
  untilRelease,
  untilTested,
} from '../support/releases';

describe('goldenImage', { concurrency: 4 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack({ simulator: { listen: true, durations: { ...testDurations, boot: 60 } } });
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  const sourceOf = ({ source }: { source: unknown }) => (source as { instanceId: string }).instanceId;

  test('builds, tests, promotes; the manifest says it all', async () => {
    const pipeline = await pipelineOf(stack, {
      test: testStage,
      image: { timeZone: 'Asia/Shanghai', tags: { team: 'web' } },
    });
    const { family } = pipeline;
    const made = await release(stack, pipeline, { nominalAt: '2026-11-24T20:00:00Z' });
    const [image] = made.images;
    assert.ok(image);
    assert.equal(made.outcome, 'released');
    // 20:00 UTC is the next day in Shanghai.
    assert.equal(image.name, `${family}-20261125-1`);
    assert.equal(made.nominalAt, '2026-11-24T20:00:00.000Z');
    assert.equal(made.triggered.by, 'test');
    assert.equal(made.source?.instanceId, sourceOf(pipeline));
    assert.equal(image.snapshots.length, 1);
    assert.equal(made.test?.passed, true);
    assert.equal(made.test.found.length, 3);
    assert.deepEqual(await leftOfTest(stack.cloud, made.buildId), []);
    const now = await familyInCloud(stack.cloud, family);
    assert.deepEqual(now.of('current'), [image.imageId]);
    assert.deepEqual(now.answers, [image.imageId]);
    assert.equal(now.images[0]?.tags.team, 'web');
    assertSource((await resourcesOf(stack.cloud, region, sourceOf(pipeline))).source);

    // The next one takes its place; the one before stays, and no longer answers.
    const next = await release(stack, pipeline, { nominalAt: '2026-11-24T21:00:00Z' });
    const after = await familyInCloud(stack.cloud, family);
    assert.equal(next.images[0]?.name, `${family}-20261125-2`);
    assert.equal(next.promoted?.previous, image.imageId);
    assert.deepEqual(after.of('current'), [next.images[0].imageId]);
    assert.deepEqual(after.of('released'), [image.imageId]);
    assert.deepEqual(after.answers, [next.images[0].imageId]);
  });

  test('an untested image is never what the cloud answers for the family', async () => {
    const pipeline = await pipelineOf(stack, { approve: {} });
    const handle = await startRelease(stack, pipeline);
    const { waiting } = await untilRelease(handle, (progress) => progress.waiting !== undefined);
    const now = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual(now.answers, []);
    assert.deepEqual(now.of('candidate'), [waiting!.imageId]);
    await handle.executeUpdate(approveUpdate, { args: [{ by: 'Ada', reason: 'looks good' }] });
    const made = await ended(handle);
    assert.deepEqual([made.decision?.verdict, made.decision?.by], ['approved', 'Ada']);
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family)).answers, [waiting!.imageId]);
  });

  test('a failed boot test rejects the candidate, and what was current stays current', async () => {
    const pipeline = await pipelineOf(stack, { test: testStage });
    const first = await release(stack, pipeline);
    const good = first.images[0]!.imageId;
    // The next image comes up with nothing that listens.
    const { instances } = await stack.cloud.state(region);
    const disk = instances.find(({ id }) => id === sourceOf(pipeline))!.systemDiskId as string;
    await stack.cloud.send('PUT', `disks/${disk}/content`, { content: 'an empty server' });
    const strict = { ...pipeline, test: { ...testStage, checks: [{ http: { port: 18_080 }, timeout: 1 }] } };
    const report = await releaseFailure(await startRelease(stack, strict));
    assert.equal(report.code, 'CandidateRejected');
    assert.equal(report.step, 'test');
    assert.match(report.message, /has failed its test: http 127\.\S+: connection refused, for 1 s/);
    assert.equal(report.release.outcome, 'rejected');
    assert.equal(report.release.test?.passed, false);
    const bad = report.release.images[0]!;
    assert.equal(bad.state, 'rejected');
    const now = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual([now.of('current'), now.answers, now.of('rejected')], [[good], [good], [bad.imageId]]);
    assert.deepEqual(await leftOfTest(stack.cloud, report.buildId), []);
  });

  test('an instance that does not come up, or does not stay up, fails the test', async () => {
    const down = await pipelineOf(stack, { test: { ...testStage, settle: 20 } });
    const handle = await startRelease(stack, down);
    // From here on it has come up; one that is stopped earlier has not.
    const id = await untilTested(handle);
    await stack.cloud.send('POST', 'interfere', { act: 'stop-instance', id });
    const report = await releaseFailure(handle);
    assert.match(report.message, /did not stay RUNNING/);
    assert.deepEqual(await leftOfTest(stack.cloud, report.buildId), []);

    const never = await pipelineOf(stack, { test: testStage });
    const fired = await stack.cloud.armed({ action: 'RunInstances', contains: never.family, kind: 'launch-fails' });
    const failed = await releaseFailure(await startRelease(stack, never));
    await fired();
    assert.equal(failed.code, 'CandidateRejected');
    assert.match(failed.message, /did not come up/);
  });

  test('a rejection by hand needs a name and a reason, and counts once', async () => {
    const pipeline = await pipelineOf(stack, { approve: {}, retire: { keepRejected: 1 } });
    const handle = await startRelease(stack, pipeline);
    const refused = (by: object) =>
      assert.rejects(handle.executeUpdate(rejectUpdate, { args: [by as never] }), (error: Error) => {
        assert.match(String(error.cause), /say who|needs a reason|No candidate/);
        return true;
      });
    await refused({ by: 'Ada', reason: 'too early' });
    await untilRelease(handle, ({ waiting }) => waiting !== undefined);
    await refused({});
    await refused({ by: 'Ada' });
    await handle.executeUpdate(rejectUpdate, { args: [{ by: 'Ada', reason: 'wrong kernel' }] });
    const report = await releaseFailure(handle);
    assert.match(report.message, /was rejected by Ada: wrong kernel/);
    assert.deepEqual(report.release.decision?.verdict, 'rejected');
    // The family's workflow deletes it when its time has come, with its snapshots.
    const { build, images } = report.release;
    await until(async () => {
      const { images: left, snapshots } = await stack.cloud.state(region);
      const gone = !left.some(({ id }) => id === images[0]!.imageId);
      const bare = !snapshots.some(({ tags }) => tags[tagKeys.build] === `test/${build!.buildId}`);
      return gone && bare ? true : undefined;
    });
  });

  test('nobody approves in time', async () => {
    const pipeline = await pipelineOf(stack, { approve: { deadline: 1 } });
    const report = await releaseFailure(await startRelease(stack, pipeline));
    assert.match(report.message, /rejected by deadline: nobody approved it within 1 s/);
  });

  test('a stage that is refused is held, and tried again alone', async () => {
    const pipeline = await pipelineOf(stack, { test: testStage, onFailure: 'hold' });
    const stock = {
      code: 'InvalidParameterValue.InstanceTypeNotFound',
      message: 'no such type',
      kind: 'error',
      when: 'before',
    };
    const fired = await stack.cloud.armed({ action: 'RunInstances', contains: `test-${pipeline.family}`, ...stock });
    const handle = await startRelease(stack, pipeline);
    const { held } = await untilRelease(handle, (progress) => progress.held !== undefined);
    await fired();
    assert.deepEqual([held!.step, held!.retryFrom, held!.imageStays], ['test', 'test', true]);
    const before = await familyInCloud(stack.cloud, pipeline.family);
    await handle.executeUpdate(retryStepUpdate, { args: [{ launch: { name: 'second-try' } }] });
    const made = await ended(handle);
    assert.deepEqual(ids((await familyInCloud(stack.cloud, pipeline.family)).images), ids(before.images));
    assert.equal(made.outcome, 'released');
    const stops = await stack.cloud.calls({ action: 'StopInstances' });
    assert.equal(stops.filter(({ resources }) => resources.includes(sourceOf(pipeline))).length, 1);
  });

  test('a promotion that is refused is held: what was current stays so', async () => {
    const pipeline = await pipelineOf(stack, { onFailure: 'hold' });
    const first = (await release(stack, { ...pipeline, onFailure: 'fail' })).images[0]!.imageId;
    const refusal = { code: 'InvalidParameterValue.InvalidImageFamily', message: 'no', kind: 'error', when: 'before' };
    const fired = await stack.cloud.armed({ action: 'ModifyImageAttribute', contains: pipeline.family, ...refusal });
    const handle = await startRelease(stack, pipeline);
    const { held } = await untilRelease(handle, (progress) => progress.held !== undefined);
    await fired();
    assert.deepEqual([held!.step, held!.code], ['promote', 'InvalidParameterValue.InvalidImageFamily']);
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family)).answers, [first]);
    await handle.executeUpdate(retryStepUpdate, { args: [{}] });
    const made = await ended(handle);
    const now = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual(now.answers, [made.images[0]!.imageId]);
    assert.deepEqual([now.of('current'), now.of('released')], [[made.images[0]!.imageId], [first]]);
  });

  test('a second run of a running pipeline is refused; another workflow ID is none', async () => {
    const pipeline = await pipelineOf(stack, { approve: {} });
    const handle = await startRelease(stack, pipeline);
    await assert.rejects(startRelease(stack, pipeline), /already/i);
    await handle.cancel();
    await assert.rejects(ended(handle));
    const wrong = await stack.client.workflow.start('goldenImage', {
      workflowId: `golden-image/elsewhere/${pipeline.family}`,
      taskQueue: stack.taskQueue,
      args: [pipeline],
    });
    await assert.rejects(wrong.result(), (error: Error) => {
      assert.match(String(error.cause), /must have the workflow ID/);
      return true;
    });
  });

  test('a date that cannot be read ends the run at once', async () => {
    const pipeline = await pipelineOf(stack);
    const handle = await startRelease(stack, pipeline, { nominalAt: 'last night' });
    await assert.rejects(handle.result(), (error: Error) => {
      assert.match(String(error.cause), /nominalAt: expected a time such as .*, not "last night"/);
      return true;
    });
  });

  test('cancelled while it is built: the build undoes itself, the source runs', async () => {
    const pipeline = await pipelineOf(stack);
    const { met, release: go } = await stack.cloud.stall('CreateImage', pipeline.family);
    const handle = await startRelease(stack, pipeline);
    await until(async () => ((await met()) ? true : undefined));
    await handle.cancel();
    await assert.rejects(ended(handle));
    await go();
    assert.equal((await handle.describe()).status.name, 'CANCELLED');
    const left = await resourcesOf(stack.cloud, region, sourceOf(pipeline));
    assertSource(left.source);
    assert.deepEqual([left.images, left.ofSource], [[], []]);
    assert.equal((await handle.query(releaseQuery)).outcome, 'cancelled');
  });

  test('the source by its tag: exactly one', async () => {
    const tag = { key: 'role', value: `golden-${Date.now()}` };
    const tagged = await pipelineOf(stack, {}, { tags: { [tag.key]: tag.value } });
    const pipeline = { ...tagged, source: { tag }, onFailure: 'fail' as const };
    const made = await release(stack, pipeline);
    assert.equal(made.source?.instanceId, sourceOf(tagged));
    await stack.instance({ region, tags: { [tag.key]: tag.value } });
    const report = await releaseFailure(await startRelease(stack, pipeline));
    assert.equal(report.code, 'SourceAmbiguous');
    const none = { ...pipeline, source: { tag: { key: 'role', value: 'nobody' } } };
    assert.equal((await releaseFailure(await startRelease(stack, none))).code, 'SourceNotFound');
  });
});
