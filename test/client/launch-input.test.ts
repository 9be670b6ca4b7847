import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { SpecError } from '../../client/errors';
import { launchFlags } from '../../client/launch-flags';
import { flagKey } from '../../client/spec-flags';
import { loadLaunchSpec } from '../../client/spec-input';

const example = path.resolve(__dirname, '../../../docs/examples/launch.yaml');
const problemsOf = (load: () => unknown): string[] => {
  try {
    load();
  } catch (error) {
    assert.ok(error instanceof SpecError, String(error));
    return error.message.split('\n');
  }
  return assert.fail('nothing was wrong');
};

describe('the spec of a launch', () => {
  test('out of the example of the documentation; image and flags override it', () => {
    const spec = loadLaunchSpec('img-1a2b3c4d', example, { type: 'S5.LARGE8', tag: ['a=1'], build: undefined });
    assert.equal(spec.image, 'img-1a2b3c4d');
    assert.equal(spec.build, 'own');
    assert.equal(spec.launch.instanceType, 'S5.LARGE8');
    assert.deepEqual(spec.launch.tags, { team: 'web', a: '1' });
    assert.equal(loadLaunchSpec(undefined, example, {}).image, 'family:web');
  });

  test('out of flags alone', () => {
    const spec = loadLaunchSpec('web', undefined, {
      region: 'ap-guangzhou',
      zone: 'ap-guangzhou-3',
      key: ['skey-1a2b3c4d'],
    });
    assert.deepEqual(spec, {
      region: 'ap-guangzhou',
      image: 'web',
      launch: { zone: 'ap-guangzhou-3', keyIds: ['skey-1a2b3c4d'] },
    });
  });

  test('tells every problem with its flag, and what was meant', () => {
    assert.deepEqual(
      problemsOf(() => loadLaunchSpec('web', undefined, { build: 'web', bandwidth: 'much', vpc: 'vpc-1a2b3c4d' })),
      [
        '--region: region: missing; expected string',
        '--build: build: expected a build ID such as web00001-0123456789ab, or own (found "web")',
        '--zone: launch.zone: missing; expected string',
        '--bandwidth: launch.publicBandwidth: expected number (found "much")',
      ],
    );
    assert.deepEqual(
      problemsOf(() => loadLaunchSpec(undefined, example, { zone: 'ap-beijing-3' })),
      ['--zone: launch.zone: not a zone of ap-guangzhou (found "ap-beijing-3")'],
    );
  });

  test('every flag has a name of its own, also beside those of every verb', () => {
    const common = ['json', 'address', 'namespace', 'uiUrl', 'debug', 'taskQueue', 'spec', 'detach', 'image'];
    const keys = [...common, ...launchFlags.map(flagKey)];
    assert.equal(new Set(keys).size, keys.length, keys.join(', '));
    for (const { description } of launchFlags) assert.doesNotMatch(description, /--launch-/);
  });
});
