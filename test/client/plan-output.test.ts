import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { renderPlan } from '../../client/output/plan';
import { plain } from '../../client/output/text';
import type { PlannedBuild } from '../../client/plan-build';
import { type BuildSpecInput, checkSpec, plannedSteps, type SourceFacts } from '../../contract';

const source: SourceFacts = {
  ...{ instanceId: 'ins-web00001', name: 'web-1', zone: 'ap-guangzhou-3', instanceType: 'S5.MEDIUM4' },
  ...{
    osName: 'Ubuntu Server 24.04 LTS 64bit',
    windows: false,
    wasRunning: true,
    claimed: false,
    securityGroupIds: [],
  },
  systemDisk: { diskId: 'disk-websys01', usage: 'SYSTEM_DISK', size: 50, type: 'CLOUD_PREMIUM' },
  dataDisks: [{ diskId: 'disk-webdata1', usage: 'DATA_DISK', size: 100, type: 'CLOUD_PREMIUM' }],
};

function specOf(more: Partial<BuildSpecInput> = {}) {
  const check = checkSpec({ region: 'ap-guangzhou', instanceId: source.instanceId, image: { name: 'web' }, ...more });
  assert.ok(check.ok);
  return check.spec;
}
const stepsOf = (more: Partial<BuildSpecInput>, of = source) => plannedSteps(specOf(more), of, 'web', undefined);
const made = (more: Partial<BuildSpecInput>) =>
  stepsOf(more).flatMap(({ makes }) => makes.map(({ type, size }) => `${type} ${size ?? ''}`.trim()));

describe('what a build would make', () => {
  test('data disks by snapshot, inside the image, or not at all', () => {
    assert.deepEqual(made({}), ['snapshot 100', 'image 50']);
    assert.deepEqual(made({ dataDisks: 'include' }), ['image 150']);
    assert.deepEqual(made({ method: 'snapshots' }), ['snapshot 50', 'snapshot 100', 'image 50']);
    assert.deepEqual(made({ method: 'snapshots', dataDisks: 'include' }), ['snapshot 50', 'snapshot 100', 'image 150']);
  });

  test('a source comes back after its snapshots, when the cloud allows, or with the image', () => {
    const place = (more: Partial<BuildSpecInput>) => stepsOf(more).findIndex(({ step }) => step === 'restoreInstance');
    assert.deepEqual([place({ method: 'snapshots' }), place({ restartSource: 'when-allowed' }), place({})], [4, 5, 7]);
    const stopped = stepsOf({}, { ...source, wasRunning: false });
    assert.equal(stopped.find(({ step }) => step === 'restoreInstance')?.skipped, true);
  });
});

test('a plan fits 80 columns', () => {
  const steps = stepsOf({ launch: { zone: 'ap-guangzhou-3' } });
  const planned: PlannedBuild = {
    plan: {
      ...{ region: 'ap-guangzhou', instanceId: source.instanceId, imageName: 'web', method: 'instance', source, steps },
      ...{ quota: { images: { used: 3, total: 10 } }, dryRuns: [{ action: 'CreateImage', answer: 'accepted' }] },
      busy: 'instance ins-web00001: STOPPING (StopInstances OPERATING)',
      problems: [],
    },
    downTime: [
      {
        ...{ method: 'instance', basis: 'estimated', leastSeconds: 600, builds: [] },
        from: ['a long reason that is broken at the width of the terminal, since nobody likes to read across'],
      },
    ],
  };
  const message =
    'RunInstances: The VPC `vpc-00000000` does not exist (InvalidParameterValue.VpcIdNotExist, RequestId 1)';
  const problems = [{ step: 'inspectSource', code: 'InvalidParameterValue.VpcIdNotExist', message }] as const;
  const lines = renderPlan(planned, [...problems], { colors: plain, columns: 80 });
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
  assert.ok(lines.join(' ').replaceAll(/ +/g, ' ').includes(message));
  assert.ok(lines.includes('A build would be refused.'));
});
