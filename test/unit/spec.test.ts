import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type BuildSpecInput, checkSpec, expandImageName, formatSeconds, snapshotName, specHash } from '../../contract';

const minimal: BuildSpecInput = { region: 'ap-guangzhou', instanceId: 'ins-web00001', image: { name: 'web' } };
const problemsOf = (input: unknown) => {
  const check = checkSpec(input);
  assert.equal(check.ok, false);
  return check.problems;
};
const specOf = (input: unknown) => {
  const check = checkSpec(input);
  assert.ok(check.ok, JSON.stringify(check));
  return check.spec;
};

describe('a build spec', () => {
  test('gets its defaults, and durations in seconds', () => {
    const spec = specOf({ ...minimal, deadlines: { pollImage: '90m', undo: 30 } });
    assert.equal(spec.method, 'instance');
    assert.equal(spec.dataDisks, 'snapshot');
    assert.equal(spec.deadlines.pollImage, 5400);
    assert.equal(spec.deadlines.undo, 30);
    assert.equal(spec.deadlines.heartbeat, 20);
  });

  test('gets all its errors at once, each with path, what was found and what is allowed', () => {
    const problems = problemsOf({
      region: 'guangzhou',
      instanceId: 'i-123',
      image: { name: 'x'.repeat(61), famly: 'web' },
      method: 'snapshot',
      dataDisks: ['disk-1'],
      deadlines: { build: 'soon' },
      launch: { zone: 'ap-guangzhou-3', keyIds: 'skey-1' },
    });
    assert.deepEqual(problems.map(({ path }) => path).sort(), [
      'dataDisks[0]',
      'deadlines.build',
      'image.famly',
      'image.name',
      'instanceId',
      'launch.keyIds',
      'method',
      'region',
    ]);
    const at = (path: string) => problems.find((problem) => problem.path === path)!;
    assert.match(at('image.famly').message, /did you mean family\?/);
    assert.match(at('image.name').message, /at most 60 characters/);
    assert.match(at('method').message, /instance, snapshots/);
    assert.equal(at('method').found, '"snapshot"');
    assert.match(at('deadlines.build').message, /90s, 45m, 2h, 7d/);
  });

  test('names what is missing, and what does not go together', () => {
    assert.deepEqual(
      problemsOf({})
        .map(({ path }) => path)
        .sort(),
      ['image', 'instanceId', 'region'],
    );
    const together = problemsOf({
      ...minimal,
      method: 'snapshots',
      sysprep: true,
      launch: { zone: 'ap-singapore-1', vpcId: 'vpc-12345678' },
    });
    const paths = together.map(({ path }) => path);
    assert.ok(paths.includes('launch.subnetId'), paths.join());
  });

  test('refuses tags that the builder sets itself', () => {
    const [problem] = problemsOf({ ...minimal, image: { name: 'web', tags: { 'cvm-image-builder/state': 'kept' } } });
    assert.equal(problem?.path, 'image.tags');
  });

  test('has the same hash whatever the order of its keys and whether defaults are written out', () => {
    const reordered = {
      image: { name: 'web' },
      onFailure: 'cleanup',
      instanceId: 'ins-web00001',
      region: 'ap-guangzhou',
    };
    assert.equal(specHash(specOf(reordered)), specHash(specOf(minimal)));
    assert.notEqual(specHash(specOf({ ...minimal, method: 'snapshots' })), specHash(specOf(minimal)));
  });
});

describe('names', () => {
  test('image names are filled in, unknown fields left alone', () => {
    const startedAt = new Date('2026-11-23T04:05:06Z');
    const filled = expandImageName('{family}-{date}-{time}-{nope}', {
      startedAt,
      family: 'web',
      instanceId: 'ins-web00001',
      buildId: 'b',
    });
    assert.equal(filled, 'web-20261123-040506-{nope}');
  });

  test('a snapshot name holds build, disk and generation within 60 characters', () => {
    const name = snapshotName('web00001-5e8c0f9a1b2c', 'disk-webdata1', 12);
    assert.equal(name, 'cib-web00001-5e8c0f9a1b2c-disk-webdata1-g12');
    assert.ok(name.length <= 60);
  });

  test('seconds read as people read them', () => {
    assert.deepEqual([0.4, 59.6, 61, 3905].map(formatSeconds), ['0 s', '1 min 00 s', '1 min 01 s', '1 h 05 min']);
  });
});
