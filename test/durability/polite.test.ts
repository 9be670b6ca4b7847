import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { budgetShareDefault } from '../../worker/config';
import { politeProblems, throttledShare } from './harness/judge';

const region = 'ap-guangzhou';

/** Builds at once, in a cloud that keeps to request rates. */
describe('calls that are refused as too many', { concurrency: false }, () => {
  /** So many builds with workers that allow themselves this share of the rates each; answers what the judge says of the calls. */
  async function problemsWith(
    count: number,
    rateScale: number,
    { workers, budgetShare }: { workers: number; budgetShare: number },
  ): Promise<string[]> {
    const stack: BuildStack = await startBuildStack({ simulator: { rateScale }, settings: { budgetShare }, workers });
    try {
      await stack.cloud.seed({ imageQuota: { [region]: 100 } });
      const handles = await Promise.all(
        Array.from({ length: count }, async () => {
          const instanceId = await stack.instance({ region, dataDisks: 2 });
          return stack.start({ region, instanceId, image: { name: `polite-${instanceId}` } });
        }),
      );
      await Promise.all(handles.map((handle) => handle.result()));
      return politeProblems(await stack.cloud.calls(), count, true);
    } finally {
      await stack.stop();
    }
  }

  test('two workers, each within the half that ships, are not refused', async () => {
    assert.deepEqual(await problemsWith(30, 1, { workers: 2, budgetShare: budgetShareDefault }), []);
  });

  test('one that knows no budget is, and the judge sees it', async () => {
    // A twentieth of the rates, so that a few builds are too many on a slow machine as well.
    const [problem] = await problemsWith(6, 0.05, { workers: 1, budgetShare: 1000 });
    const [, refused, all] = /^(\d+) of (\d+) calls were refused/.exec(problem ?? '') ?? [];
    assert.ok(Number(refused) / Number(all) > throttledShare, problem);
  });
});
