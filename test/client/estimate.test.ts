import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type BuildSpecInput, type BuildView, startBuild } from '../../client';
import { estimate, imageHistory, wantsEstimate } from '../../client/estimate';
import { doing } from '../../client/output/activity';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { connectCounted, type CountedClient } from '../support/counted-client';
import { until } from '../support/judge';
import { at, ran, viewWith } from './views';

const region = 'ap-guangzhou';

/** A build that waits for an image of which the cloud says nothing. */
const waiting = (more: object = {}) =>
  viewWith({
    pollImage: {
      ...ran(0),
      activity: {
        name: 'pollImage',
        attempt: 1,
        state: 'working',
        wait: { waitingFor: 'image img-11111111: CREATING', ...more },
      },
    },
  }).steps.find(({ step }) => step === 'pollImage')!;

describe('an estimate', () => {
  test('is elapsed time against earlier builds, labelled, and never says that the image is done', () => {
    const after100 = (seconds: number, builds: number) => {
      const step = waiting();
      assert.ok(wantsEstimate(step));
      estimate(step, { seconds, builds }, at(100));
      return doing(step.activity!);
    };
    assert.equal(after100(222, 3), '~45 % (estimated from 3 builds)  image img-11111111: CREATING');
    assert.equal(after100(101, 1), '~99 % (estimated from 1 build)  image img-11111111: CREATING');
    assert.equal(after100(10, 2), '~99 % (estimated from 2 builds)  image img-11111111: CREATING');
  });

  test('is made only where the cloud says nothing', () => {
    assert.equal(wantsEstimate(waiting({ percent: 3 })), false);
    assert.equal(wantsEstimate({ ...waiting(), state: 'done' }), false);
    assert.equal(wantsEstimate({ ...waiting(), step: 'snapshotDisks' }), false);
    assert.equal(wantsEstimate(viewWith({ pollImage: ran(0) }).steps[5]!), false);
  });

  describe('from builds that were', () => {
    let stack: BuildStack;
    let counted: CountedClient;
    before(async () => {
      stack = await startBuildStack({ simulator: { speed: 100 } });
      counted = await connectCounted(stack.temporal);
    });
    after(async () => {
      await counted.close();
      await stack.stop();
    });

    /** An image of snapshots has no percentage anywhere in the API. */
    async function follow(family: string): Promise<BuildView[]> {
      const instanceId = await stack.instance({ region });
      const image = { name: `est-${instanceId}`, family };
      const spec: BuildSpecInput = { region, instanceId, image, method: 'snapshots' };
      const build = await startBuild(counted.client, spec, { taskQueue: stack.taskQueue });
      const views: BuildView[] = [];
      for await (const view of build.progress({ intervalMs: 50 })) views.push(view);
      assert.equal(views.at(-1)?.status, 'completed');
      return views;
    }
    const waits = (views: BuildView[]) =>
      views
        .flatMap(({ steps }) => steps.filter(({ step }) => step === 'pollImage').map(({ activity }) => activity?.wait))
        .filter((wait) => wait?.waitingFor.includes('CREATING') === true)
        .map((wait) => wait!);

    test('there is none without them, then there is, and they are asked about once', async () => {
      const first = waits(await follow('est'));
      assert.ok(first.length > 0);
      assert.deepEqual(
        first.filter(({ percent }) => percent !== undefined),
        [],
      );
      // Visibility follows the history by a moment.
      const { client } = counted;
      const history = await until(() => imageHistory(client, { family: 'est', instanceId: 'ins-none0001' }));
      assert.equal(history.builds, 1);
      assert.ok(history.seconds > 0);

      counted.calls.clear();
      const estimated = waits(await follow('est')).filter(({ percent }) => percent !== undefined);
      assert.ok(estimated.length > 1);
      assert.ok(estimated.every((wait) => wait.estimated === true && wait.estimatedFrom === 1 && wait.percent! <= 99));
      const percents = estimated.map(({ percent }) => percent!);
      assert.deepEqual(
        percents,
        [...percents].sort((a, b) => a - b),
      );
      assert.equal(counted.calls.get('ListWorkflowExecutions'), 1);
      assert.equal(counted.calls.get('GetWorkflowExecutionHistoryReverse'), 1);
      assert.equal(await imageHistory(client, { family: 'other', instanceId: 'ins-none0001' }), undefined);
    });
  });
});
