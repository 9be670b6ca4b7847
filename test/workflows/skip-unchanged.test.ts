import { Client as CvmClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_client';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { listFamily, rollBack } from '../../client';
import { type PipelineInput, type Release, tagKeys } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { until } from '../support/judge';
import { familyInCloud, pipelineOf, region, release, releaseFailure, startRelease } from '../support/releases';

const shanghai = 'ap-shanghai';

/** Actions that change something. */
const changes = /^(Create|Delete|Modify|Run|Stop|Start|Terminate|Tag|UnTag)/;

describe('skipUnchanged', { concurrency: 3 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 200, [shanghai]: 200 } });
  });
  after(() => stack.stop());

  const sourceOf = ({ source }: PipelineInput) => (source as { instanceId: string }).instanceId;
  const instanceOf = async (pipeline: PipelineInput) =>
    (await stack.cloud.state(region)).instances.find(({ id }) => id === sourceOf(pipeline))!;
  /** Calls that changed something of the source or the family, so far. */
  const changesOf = async (pipeline: PipelineInput, { images }: Release) => {
    const ours = [sourceOf(pipeline), ...images.map(({ imageId }) => imageId)];
    const all = await stack.cloud.calls();
    return all.filter(({ action, resources }) => changes.test(action) && resources.some((id) => ours.includes(id)));
  };
  const first = async (more: Partial<PipelineInput> = {}) => {
    const pipeline = await pipelineOf(stack, { skipUnchanged: true, ...more });
    const made = await release(stack, pipeline);
    assert.equal(made.outcome, 'released');
    assert.match(made.change!.story, /the first release of its family/);
    return { pipeline, made };
  };
  const is = (made: Release, outcome: string, story: RegExp) => {
    assert.equal(made.outcome, outcome, made.change?.story);
    assert.match(made.change!.story, story);
  };

  for (const method of ['snapshots', 'instance'] as const) {
    test(`${method}: a run with nothing new touches nothing; force makes it all the same`, async () => {
      const { pipeline, made } = await first({ build: { method } });
      const [image] = made.images;
      const before = (await changesOf(pipeline, made)).length;
      const idle = await release(stack, pipeline);
      is(idle, 'unchanged', new RegExp(`nothing has changed since ${image!.imageId}`));
      assert.deepEqual([idle.images, idle.retired, idle.change?.since], [[], [], image!.imageId]);
      assert.equal((await changesOf(pipeline, made)).length, before);
      assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family)).of('current'), [image!.imageId]);

      const forced = await release(stack, pipeline, { force: true });
      is(forced, 'released', /force/);
      // What it left is what the next run compares with.
      is(await release(stack, pipeline), 'unchanged', new RegExp(forced.images[0]!.imageId));
    });
  }

  test('a restart, a disk that grew, another pipeline: each is a change', async () => {
    const { pipeline } = await first();
    const cvm = new CvmClient({
      credential: { secretId: 'AKIDsimulator', secretKey: 'simulator' },
      region,
      profile: { httpProfile: { protocol: 'http://', endpoint: new URL(stack.cloud.url).host } },
    });
    await cvm.RebootInstances({ InstanceIds: [sourceOf(pipeline)] });
    await until(async () => ((await instanceOf(pipeline)).state === 'RUNNING' ? true : undefined));
    is(await release(stack, pipeline), 'released', /: it has been started, stopped or otherwise operated on$/);
    is(await release(stack, pipeline), 'unchanged', /nothing/);

    const [disk] = (await instanceOf(pipeline)).dataDiskIds as string[];
    await stack.cloud.send('POST', 'interfere', { act: 'resize-disk', id: disk, size: 60 });
    is(await release(stack, pipeline), 'released', /its disks are others, or their sizes/);

    const other = { ...pipeline, image: { description: 'another one' } };
    is(await release(stack, other), 'released', /: the pipeline is another$/);
    is(await release(stack, other), 'unchanged', /nothing/);
  });

  test('compares with the release that was rolled back, and not with what cannot be known', async () => {
    const { pipeline, made } = await first();
    const second = await release(stack, pipeline, { force: true });
    const { client, taskQueue } = stack;
    const { accountId } = await listFamily(client, { region, family: pipeline.family }, { taskQueue });
    const about = { accountId, family: pipeline.family, taskQueue };
    const back = await rollBack(client, about, { place: { region, heartbeat: 5 }, by: 'Ada' });
    assert.equal(back.imageId, made.images[0]!.imageId);
    is(await release(stack, pipeline), 'unchanged', new RegExp(second.images[0]!.imageId));
    const id = second.images[0]!.imageId;
    await stack.cloud.send('POST', 'interfere', { act: 'retag', id, tags: { [tagKeys.source]: 'what is this' } });
    is(await release(stack, pipeline), 'released', /cannot be read/);
  });

  test('a release that did not come to its end, or that did not look, leaves nothing to compare with', async () => {
    const pipeline = await pipelineOf(stack);
    await release(stack, pipeline);
    const careful = { ...pipeline, skipUnchanged: true };
    is(await release(stack, careful), 'released', /not known what img-\S+ .* was made of/);
    is(await release(stack, careful), 'unchanged', /nothing/);
  });

  test('after a release that is missing in a region nothing is unchanged: the next run brings one everywhere', async () => {
    const { pipeline: local } = await first();
    const pipeline = { ...local, distribute: { regions: [shanghai] } };
    is(await release(stack, pipeline), 'released', /: the pipeline is another$/);
    is(await release(stack, pipeline), 'unchanged', /nothing/);
    const refusal = { kind: 'error', code: 'ImageQuotaLimitExceeded', message: 'full' };
    const fired = await stack.cloud.armed({ action: 'SyncImages', contains: pipeline.family, ...refusal });
    const partial = await release(stack, pipeline, { force: true });
    await fired();
    assert.equal(partial.outcome, 'partial');
    const [image] = partial.images;

    const made = await release(stack, pipeline);
    is(made, 'released', new RegExp(`not known what ${image!.imageId}`));
    assert.deepEqual(
      made.images.map(({ region: where, state }) => [where, state]),
      [
        [region, 'current'],
        [shanghai, 'current'],
      ],
    );
    const copy = made.images[1]!.imageId;
    assert.deepEqual((await familyInCloud(stack.cloud, pipeline.family, shanghai)).answers, [copy]);
    is(await release(stack, pipeline), 'unchanged', new RegExp(made.images[0]!.imageId));
  });

  test('what was to be retired and could not is no end: the next run builds, and retires', async () => {
    const { pipeline, made } = await first({ retire: { keep: 1 } });
    await release(stack, pipeline, { force: true });
    const oldest = made.images[0]!.imageId;
    const refusal = { kind: 'error', code: 'InvalidParameterValue.InvalidImageId', message: 'no', when: 'before' };
    const fired = await stack.cloud.armed({ action: 'DeleteImages', contains: oldest, ...refusal });
    const report = await releaseFailure(await startRelease(stack, pipeline, { force: true }));
    await fired();
    assert.deepEqual([report.code, report.step], ['RetireFailed', 'retire']);
    const next = await release(stack, pipeline);
    is(next, 'released', /not known what/);
    assert.ok(next.retired.some(({ imageId, outcome }) => imageId === oldest && outcome === 'deleted'));
    is(await release(stack, pipeline), 'unchanged', /nothing/);
  });

  test('a fingerprint that cannot be kept costs a build and no release', async () => {
    const pipeline = await pipelineOf(stack, { skipUnchanged: true, deadlines: { findSource: 8 } });
    const refusal = { kind: 'error', code: 'UnauthorizedOperation', message: 'no', when: 'before', times: 100 };
    const contains = tagKeys.source;
    const fault = await stack.cloud.fault({ action: 'TagResources', contains, ...refusal });
    const made = await release(stack, pipeline);
    assert.ok((await stack.cloud.calls({ action: 'TagResources' })).some(({ faults }) => faults.includes(fault)));
    await stack.cloud.send('DELETE', `faults/${fault}`);
    assert.equal(made.outcome, 'released');
    assert.match(made.promoted!.notes.join(), /the next run builds, changed or not/);
    is(await release(stack, pipeline), 'released', /not known what/);
  });
});
