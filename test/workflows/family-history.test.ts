import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { listFamily, retireFamily, rollBack } from '../../client';
import { familyQuery, familyWorkflowId, rejectImageUpdate, tagKeys } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { familyInCloud, imageOf, pipelineOf, region, release } from '../support/releases';

const accountId = '100000000001';
const place = { region, heartbeat: 5 };

// On a server that thinks little of long histories.
describe('the history of a family', () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack({ dynamicConfig: ['limit.historyCount.suggestContinueAsNew=60'] });
  });
  after(() => stack.stop());

  test('continues as new when it grows, with what only it knows, also between two rollbacks', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const { family } = pipeline;
    const [first, second, third] = [
      await release(stack, pipeline),
      await release(stack, pipeline),
      await release(stack, pipeline),
    ].map(imageOf) as [string, string, string];
    const about = { accountId, family, taskQueue: stack.taskQueue };
    const handle = stack.client.workflow.getHandle(familyWorkflowId(accountId, family));
    const { runId } = await handle.describe();
    // Something that is still to be done in an hour.
    const candidate = { imageId: 'img-cand0001', name: 'a candidate' };
    const at = new Date().toISOString();
    const tags = {
      [tagKeys.build]: 'test/cand0000-000000000001',
      [tagKeys.state]: 'kept',
      [tagKeys.family]: `test/${family}`,
      [tagKeys.release]: `candidate/${at}`,
      [tagKeys.run]: `release-000000000009/${at}`,
    };
    await stack.cloud.seed({ images: [{ region, id: candidate.imageId, name: candidate.name, tags }] });
    await handle.executeUpdate(rejectImageUpdate, { args: [{ place, ...candidate, at, keepFor: 3600 }] });
    await rollBack(stack.client, about, { place, by: 'Ada', from: third });
    const rules = { place, youngerThan: 0, keepRejected: 0, now: new Date().toISOString(), dryRun: true };
    const looks: Promise<unknown>[] = [];
    // Whoever asks makes the history longer; some of it is asked for while it continues.
    for (let asked = 0; (await handle.describe()).runId === runId; asked += 1) {
      assert.ok(asked < 60, 'it has continued as new by now');
      looks.push(retireFamily(stack.client, about, rules));
      if (asked % 3 === 0) await Promise.all(looks.splice(0));
    }
    await Promise.all(looks);
    const { doomed } = await handle.query(familyQuery);
    assert.deepEqual(
      doomed.map(({ imageId }) => imageId),
      [candidate.imageId],
    );
    assert.deepEqual((await familyInCloud(stack.cloud, family)).of('current'), [second]);
    const back = await rollBack(stack.client, about, { place, by: 'Ada', from: second });
    assert.equal(back.imageId, first);
    const { images } = await listFamily(stack.client, { region, family }, { taskQueue: stack.taskQueue });
    assert.deepEqual(Object.fromEntries(images.map(({ imageId, state }) => [imageId, state])), {
      [first]: 'current',
      [second]: 'withdrawn',
      [third]: 'withdrawn',
      [candidate.imageId]: 'rejected',
    });
  });
});
