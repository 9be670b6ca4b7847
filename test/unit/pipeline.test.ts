import { Ajv } from 'ajv';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { checkPipeline, fillReleaseName, type PipelineInput, pipelineName } from '../../contract';

const minimal: PipelineInput = { region: 'ap-guangzhou', family: 'web', source: { instanceId: 'ins-web00001' } };
const launch = { zone: 'ap-guangzhou-3' };
const schema = JSON.parse(
  readFileSync(path.resolve(__dirname, '../../../docs/pipeline.schema.json'), 'utf8'),
) as Record<string, unknown>;
const bySchema = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema);

describe('a pipeline', () => {
  test('needs region, family and source only', () => {
    const check = checkPipeline(minimal);
    assert.ok(check.ok);
    const { spec } = check;
    assert.equal(pipelineName(spec), 'web');
    assert.equal(spec.image.name, '{family}-{date}-{seq}');
    assert.deepEqual(spec.retire, { youngerThan: 0, keepRejected: 86_400 });
    assert.deepEqual(spec.room, { whenFull: 'fail', deadline: 21_600 });
    assert.equal(spec.build.method, 'instance');
    assert.equal(spec.build.deadlines.pollImage, 3 * 3600);
    assert.deepEqual([spec.test, spec.approve, spec.distribute], [undefined, undefined, undefined]);
    assert.ok(bySchema(minimal), JSON.stringify(bySchema.errors));
  });

  test('what is normalised stays the same when it is normalised again', () => {
    const full: PipelineInput = {
      ...minimal,
      test: { launch, settle: '2m', checks: [{ tcp: 22 }, { http: { port: 8080, path: '/health' }, timeout: '1m' }] },
      approve: { deadline: '3d' },
      retire: { keep: 3, youngerThan: '14d' },
    };
    const once = checkPipeline(full);
    assert.ok(once.ok, JSON.stringify(once));
    assert.ok(bySchema(full), JSON.stringify(bySchema.errors));
    const twice = checkPipeline(once.spec);
    assert.ok(twice.ok);
    assert.deepEqual(twice.spec, once.spec);
    assert.equal(once.spec.test?.settle, 120);
  });

  const include = { build: { dataDisks: 'include' as const } };
  const wrong: [name: string, path: string, message: RegExp, more: Record<string, unknown>][] = [
    ['an unknown key', 'famly', /did you mean family/, { famly: 'web' }],
    ['a source that is nothing', 'source', /instanceId.*tag/, { source: {} }],
    ['a family that no tag could hold', 'family', /letters, digits/, { family: 'web/prod' }],
    ['a name without {seq}', 'image.name', /needs \{seq\}/, { image: { name: '{family}-{date}' } }],
    ['an unknown placeholder', 'image.name', /unknown placeholder \{time\}/, { image: { name: '{time}-{seq}' } }],
    ['a name that gets too long', 'image.name', /comes to 63 characters/, { family: 'f'.repeat(50) }],
    ['a zone that is none', 'image.timeZone', /Asia\/Shanghai/, { image: { timeZone: 'Shanghai time' } }],
    ['sysprep of snapshots', 'build.sysprep', /only with/, { build: { method: 'snapshots', sysprep: true } }],
    ['a launch by the build', 'build.launch', /unknown key/, { build: { launch } }],
    ['a test elsewhere', 'test.launch.zone', /not a zone of/, { test: { launch: { zone: 'ap-shanghai-3' } } }],
    ['a public check of a private server', 'test.address', /publicBandwidth/, { test: { launch, address: 'public' } }],
    ['a check of nothing', 'test.checks[0]', /tcp: PORT/, { test: { launch, checks: [{}] } }],
    ['an age without a number', 'retire.youngerThan', /goes with keep/, { retire: { youngerThan: '7d' } }],
    [
      'copies of whole instances',
      'build.dataDisks',
      /neither.*copied/,
      { ...include, distribute: { regions: ['ap-shanghai'] } },
    ],
    [
      'shares of whole instances',
      'build.dataDisks',
      /nor shared/,
      { ...include, distribute: { accounts: ['100000000002'] } },
    ],
    ['a copy to itself', 'distribute.regions[0]', /has the image/, { distribute: { regions: ['ap-guangzhou'] } }],
    ['a region twice', 'distribute.regions[1]', /twice/, { distribute: { regions: ['ap-tokyo', 'ap-tokyo'] } }],
    ['an account twice', 'distribute.accounts[1]', /twice/, { distribute: { accounts: ['12345', '12345'] } }],
    ['no account', 'distribute.accounts[0]', /UIN/, { distribute: { accounts: ['me'] } }],
    // What would do nothing.
    ['a limit of no waiting', 'room.deadline', /goes with whenFull: wait/, { room: { deadline: '1h' } }],
    ['holding a build', 'build.deadlines.hold', /use deadlines\.hold/, { build: { deadlines: { hold: '1h' } } }],
    [
      'a launch by the build, in time',
      'build.deadlines.launchInstance',
      /use deadlines\.launchTest/,
      { build: { deadlines: { launchInstance: '1h' } } },
    ],
    ['reminding nobody', 'approve.remindEvery', /goes with notify/, { approve: { remindEvery: '1h' } }],
    [
      'a tag of the builder',
      'image.tags',
      /set by the builder/,
      { image: { tags: { 'cvm-image-builder/state': 'x' } } },
    ],
  ];
  for (const [name, at, message, more] of wrong) {
    test(`refuses ${name}`, () => {
      const check = checkPipeline({ ...minimal, ...more });
      assert.ok(!check.ok);
      assert.deepEqual(
        check.problems.map((problem) => problem.path),
        [at],
        JSON.stringify(check.problems),
      );
      assert.match(check.problems[0]!.message, message);
    });
  }

  test('fills its names', () => {
    const values = { family: 'web', date: '20261125', seq: '2' };
    assert.equal(fillReleaseName('{family}-{date}-{seq}', values), 'web-20261125-2');
    assert.equal(fillReleaseName('golden {seq} {other}', values), 'golden 2 {other}');
  });
});
