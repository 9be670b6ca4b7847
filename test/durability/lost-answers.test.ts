import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { BuildSpecInput } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { assertSource, resourcesOf } from '../support/judge';

const region = 'ap-guangzhou';

/** Every call of a build with launch that changes something, with what tells it from those of other builds. */
const mutations = [
  { action: 'TagResources', nth: 1, what: 'restore tag' },
  { action: 'StopInstances', nth: 1, what: 'stop' },
  { action: 'CreateSnapshot', nth: 1, what: 'first snapshot' },
  { action: 'CreateSnapshot', nth: 2, what: 'second snapshot' },
  { action: 'CreateImage', nth: 1, what: 'image' },
  { action: 'StartInstances', nth: 1, what: 'start' },
  { action: 'UnTagResources', nth: 1, what: 'restore tag, taken away' },
  { action: 'RunInstances', nth: 1, what: 'launch' },
] as const;

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

describe('a lost answer makes nothing twice', { concurrency: 8 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 500 } });
  });
  after(() => stack.stop());

  for (const method of ['instance', 'snapshots'] as const) {
    for (const { action, nth, what } of mutations) {
      for (const { name, fault } of losses) {
        test(`${method}: ${what} (${action}): ${name}`, async () => {
          const instanceId = await stack.instance({ region, dataDisks: 2 });
          const contains = await mark(action, instanceId);
          const id = await stack.cloud.fault({ action, nth, contains, ...fault });
          const spec: BuildSpecInput = {
            region,
            instanceId,
            image: { name: `lost-${instanceId}` },
            method,
            launch: { zone: 'ap-guangzhou-3' },
          };
          const result = await (await stack.start(spec)).result();

          const fired = (await stack.cloud.calls({ action })).filter(({ faults }) => faults.includes(id));
          assert.ok(fired.length > 0, 'the fault fired');
          const made = await resourcesOf(stack.cloud, region, instanceId);
          assertSource(made.source);
          assert.equal(made.images.length, 1);
          assert.equal(made.snapshots.length, method === 'snapshots' ? 3 : 2);
          assert.equal(made.instances.length, 1);
          assert.equal(made.instances[0]!.id, result.instance!.instanceId);
        });
      }
    }
  }

  /** Text that only this build's requests of the action contain. */
  async function mark(action: string, instanceId: string): Promise<string> {
    if (action === 'CreateSnapshot') return `cib-${instanceId.slice(4)}-`;
    if (action === 'CreateImage') return `lost-${instanceId}`;
    if (action === 'RunInstances') return `/${instanceId.slice(4)}-`;
    return Promise.resolve(instanceId);
  }
});
