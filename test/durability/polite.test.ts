import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { budgetShareDefault } from '../../worker/config';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { politeProblems, throttledShare } from './harness/judge';
import { startWorker } from './harness/worker';

const region = 'ap-guangzhou';

/** Builds at once, in a cloud that keeps to request rates. */
describe('calls that are refused as too many', { concurrency: false }, () => {
  /**
   * So many builds with workers that allow themselves this share of the rates each; answers what the judge says of the calls.
   *
   * @param others workers beside the one of the stack, each a process of its own
   */
  async function problemsWith(
    count: number,
    rateScale: number,
    { others, budgetShare }: { others: number; budgetShare: number },
  ): Promise<string[]> {
    const settings = { budgetShare };
    const stack: BuildStack = await startBuildStack({ simulator: { rateScale }, settings });
    const { temporal, taskQueue, cloud } = stack;
    const { address, namespace } = temporal;
    const place = { address, namespace, taskQueue, endpoint: cloud.url };
    const busy = new Set<number>();
    const workers = await Promise.all(
      Array.from({ length: others }, () => startWorker(place, { settings }, ({ pid }) => busy.add(pid))),
    );
    try {
      await cloud.seed({ imageQuota: { [region]: 100 } });
      const handles = await Promise.all(
        Array.from({ length: count }, async () => {
          const instanceId = await stack.instance({ region, dataDisks: 2 });
          return stack.start({ region, instanceId, image: { name: `polite-${instanceId}` } });
        }),
      );
      await Promise.all(handles.map((handle) => handle.result()));
      assert.deepEqual([...busy].sort(), workers.map(({ pid }) => pid).sort(), 'every worker had a part in it');
      return politeProblems(await cloud.calls(), count, true);
    } finally {
      await Promise.all(workers.map((worker) => worker.kill()));
      await stack.stop();
    }
  }

  test('two workers, each within the half that ships, are not refused', async () => {
    assert.deepEqual(await problemsWith(30, 1, { others: 1, budgetShare: budgetShareDefault }), []);
  });

  test('one that knows no budget is, and the judge sees it', async () => {
    // A twentieth of the rates, so that a few builds are too many on a slow machine as well.
    const [problem] = await problemsWith(6, 0.05, { others: 0, budgetShare: 1000 });
    const [, refused, all] = /^(\d+) of (\d+) calls were refused/.exec(problem ?? '') ?? [];
    assert.ok(Number(refused) / Number(all) > throttledShare, problem);
  });
});
