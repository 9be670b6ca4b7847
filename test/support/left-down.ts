import assert from 'node:assert/strict';
import { tagKeys } from '../../contract';
import type { BuildStack } from './build-stack';
import { resourcesOf, until } from './judge';

/** Answers a source that a build has stopped, which was then terminated; nobody has started it since. */
export async function leftDown(stack: BuildStack, region: string): Promise<string> {
  const instanceId = await stack.instance({ region, dataDisks: 0 });
  const name = `first-${instanceId}`;
  const { met } = await stack.cloud.stall('CreateImage', name);
  const first = await stack.start({ region, instanceId, image: { name } });
  await until(async () => ((await met()) ? true : undefined));
  await first.terminate('by hand');
  const { state, tags } = (await resourcesOf(stack.cloud, region, instanceId)).source!;
  assert.equal(state, 'STOPPED');
  assert.ok(tags[tagKeys.restore] !== undefined, 'it carries our restore tag');
  return instanceId;
}
