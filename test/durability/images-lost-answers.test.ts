import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launchIdOf, tagKeys } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { leftOf, region, resourcesOfLaunch, seedImage, startDeletion, startLaunch } from '../support/images';

const losses: { name: string; fault: Record<string, unknown> }[] = [
  { name: 'answer lost', fault: { kind: 'answer-lost' } },
  { name: 'request lost', fault: { kind: 'request-lost' } },
  { name: '502 after applying', fault: { kind: 'http-502', when: 'after' } },
  {
    name: 'InternalError after applying',
    fault: { kind: 'error', code: 'InternalError', message: 'oops', when: 'after' },
  },
  {
    name: 'throttled five times',
    fault: { kind: 'error', code: 'RequestLimitExceeded', message: 'slow down', when: 'before', times: 5 },
  },
];

describe('launches and deletions: a lost answer makes nothing twice, and leaves nothing', { concurrency: 6 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 500 } });
  });
  after(() => stack.stop());

  const arm = async (action: string, contains: string, fault: Record<string, unknown>) => {
    const id = await stack.cloud.fault({ action, contains, ...fault });
    return async () =>
      assert.ok(
        (await stack.cloud.calls({ action })).some(({ faults }) => faults.includes(id)),
        'the fault fired',
      );
  };

  for (const { name, fault } of losses) {
    test(`launch (RunInstances): ${name}`, async () => {
      const { imageId } = await seedImage(stack.cloud);
      // The second call: the first one is the trial.
      const fired = await arm('RunInstances', imageId, { ...fault, nth: 2 });
      const handle = await startLaunch(stack, { image: imageId, build: 'own' });
      const result = await handle.result();
      await fired();
      const made = await resourcesOfLaunch(stack, launchIdOf(handle.firstExecutionRunId));
      assert.deepEqual(
        made.instances.map(({ id }) => id),
        [result.instance.instanceId],
      );
      for (const one of [...made.instances, ...made.disks]) assert.equal(one.tags[tagKeys.state], 'kept');
      assert.equal(made.disks.length, 2);
    });

    for (const action of ['DeleteImages', 'DeleteSnapshots'] as const) {
      test(`deletion (${action}): ${name}`, async () => {
        const image = await seedImage(stack.cloud);
        const fired = await arm(action, action === 'DeleteImages' ? image.imageId : image.dataId, fault);
        const result = await (await startDeletion(stack, { imageId: image.imageId })).result();
        await fired();
        assert.ok(result.resources.every(({ fate }) => fate === 'deleted'));
        assert.equal(result.resources.length, 3);
        assert.deepEqual(await leftOf(stack.cloud, image), []);
      });
    }
  }
});
