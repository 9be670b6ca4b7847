import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { ConfigError, readConfig } from '../../worker/config';
import { help } from '../../worker/help';
import { variables } from '../../worker/variables';

/** Without a profile of whoever runs the tests. */
const nobody = { HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' };

function problemsOf(env: NodeJS.ProcessEnv): string {
  try {
    readConfig({ ...nobody, ...env });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  assert.fail('the configuration was accepted');
}

void describe('the configuration of the worker', () => {
  test('has a default for everything', () => {
    const config = readConfig(nobody);
    assert.equal(config.temporal.address, '127.0.0.1:7233');
    assert.equal(config.taskQueue, 'cvm-image-builder');
    assert.deepEqual(config.activities, {
      installation: 'default',
      endpoint: undefined,
      allow: { regions: undefined, sourceTag: undefined, roles: [] },
      webhooks: {},
      waits: { percentMinSeconds: 1, percentMaxSeconds: 30, minSeconds: 2, maxSeconds: 30, growth: 0.05 },
      settleSeconds: 45,
      backoff: { minSeconds: 1, maxSeconds: 30, blockedSeconds: 30 },
      budgetShare: 0.5,
      requestTimeoutSeconds: 10,
    });
  });

  test('reads the allow lists', () => {
    const { allow } = readConfig({
      ...nobody,
      CVM_IMAGE_ALLOW_REGIONS: 'ap-guangzhou, ap-singapore',
      CVM_IMAGE_ALLOW_SOURCE_TAG: 'golden=a=b',
      CVM_IMAGE_ALLOW_ROLES: 'qcs::cam::uin/1:roleName/a,qcs::cam::uin/1:roleName/b',
    }).activities;
    assert.deepEqual(allow, {
      regions: ['ap-guangzhou', 'ap-singapore'],
      sourceTag: { key: 'golden', value: 'a=b' },
      roles: ['qcs::cam::uin/1:roleName/a', 'qcs::cam::uin/1:roleName/b'],
    });
    const anyValue = readConfig({ ...nobody, CVM_IMAGE_ALLOW_SOURCE_TAG: 'golden' }).activities.allow;
    assert.deepEqual(anyValue.sourceTag, { key: 'golden' });
  });

  test('divides the pauses by the time scale, and nothing else', () => {
    const { activities } = readConfig({ ...nobody, CVM_IMAGE_TIME_SCALE: '10' });
    assert.equal(activities.waits.maxSeconds, 3);
    assert.equal(activities.waits.growth, 0.05);
    assert.equal(activities.settleSeconds, 4.5);
    assert.equal(activities.backoff.blockedSeconds, 3);
    assert.equal(activities.requestTimeoutSeconds, 10);
  });

  test('reads webhooks, and says what is wrong with them without their values', () => {
    const { webhooks } = readConfig({
      ...nobody,
      CVM_IMAGE_WEBHOOK_OPS_TEAM_URL: 'https://example.com/hook',
      CVM_IMAGE_WEBHOOK_OPS_TEAM_KEY: 'whsec_abc',
    }).activities;
    assert.deepEqual(webhooks, { 'ops-team': { url: 'https://example.com/hook', key: 'whsec_abc' } });
    const text = problemsOf({ CVM_IMAGE_WEBHOOK_A_URL: 'secret-place', CVM_IMAGE_WEBHOOK_B_KEY: 'secret-key' });
    assert.match(text, /CVM_IMAGE_WEBHOOK_A_URL: expected an http or https URL/);
    assert.match(text, /CVM_IMAGE_WEBHOOK_B_KEY: there is no CVM_IMAGE_WEBHOOK_B_URL/);
    assert.doesNotMatch(text, /secret/);
  });

  test('what is lost must have shown before it counts as not made', () => {
    const text = problemsOf({ CVM_IMAGE_SETTLE_SECONDS: '10', CVM_IMAGE_REQUEST_TIMEOUT_SECONDS: '10' });
    assert.match(text, /CVM_IMAGE_SETTLE_SECONDS \(10\) must be above CVM_IMAGE_REQUEST_TIMEOUT_SECONDS \(10\)/);
  });

  test('Worker Versioning is off unless the worker is told its version, and then pins builds', () => {
    assert.equal(readConfig(nobody).deployment, undefined);
    const version = { CVM_IMAGE_DEPLOYMENT: 'images', CVM_IMAGE_BUILD_ID: '0.2.0' };
    assert.deepEqual(readConfig({ ...nobody, ...version }).deployment, {
      name: 'images',
      buildId: '0.2.0',
      behavior: 'PINNED',
    });
    assert.equal(
      readConfig({ ...nobody, ...version, CVM_IMAGE_VERSIONING: 'AUTO_UPGRADE' }).deployment?.behavior,
      'AUTO_UPGRADE',
    );
    for (const [name, value] of Object.entries({ ...version, CVM_IMAGE_VERSIONING: 'PINNED' })) {
      assert.match(problemsOf({ [name]: value }), new RegExp(`${name}: there is no CVM_IMAGE_`));
    }
  });

  test('the installation is the namespace unless it has a name', () => {
    assert.equal(readConfig({ ...nobody, TEMPORAL_NAMESPACE: 'team' }).activities.installation, 'team');
  });

  test('tells everything that is wrong at once', () => {
    const text = problemsOf({
      CVM_IMAGE_ALLOW_REGIONS: '',
      CVM_IMAGE_ALLOW_SOURCE_TAG: '',
      CVM_IMAGE_BUDGET_SHARE: '2',
      CVM_IMAGE_MAX_ACTIVITIES: '1.5',
      CVM_IMAGE_SETTLE_SECONDS: '',
      TENCENTCLOUD_ENDPOINT: 'cvm.tencentcloudapi.com',
    });
    for (const part of [
      'CVM_IMAGE_ALLOW_REGIONS="": is empty',
      'CVM_IMAGE_ALLOW_SOURCE_TAG="": expected key or key=value',
      'CVM_IMAGE_BUDGET_SHARE="2": expected a number from 0.01 to 1',
      'CVM_IMAGE_MAX_ACTIVITIES="1.5": expected a whole number',
      'CVM_IMAGE_SETTLE_SECONDS="": expected a number from 0',
      'TENCENTCLOUD_ENDPOINT="cvm.tencentcloudapi.com": expected a URL',
    ]) {
      assert.ok(text.includes(part), `${part} is missing in:\n${text}`);
    }
  });

  test('refuses a variable that does not exist, and names the nearest', () => {
    assert.match(
      problemsOf({ CVM_IMAGE_ALLOW_REGION: 'x' }),
      /no such variable; did you mean CVM_IMAGE_ALLOW_REGIONS\?/,
    );
  });

  test('refuses a shortest pause above the longest', () => {
    assert.match(problemsOf({ CVM_IMAGE_WAIT_MIN_SECONDS: '31' }), /CVM_IMAGE_WAIT_MIN_SECONDS \(31\) is above/);
  });

  test('refuses a profile that is not there', () => {
    assert.match(problemsOf({ TEMPORAL_PROFILE: 'nonesuch' }), /Temporal's configuration .*nonesuch/);
  });

  test('--help and docs/worker.md list every variable with its default', () => {
    const documentation = readFileSync(path.resolve(__dirname, '../../../docs/worker.md'), 'utf8');
    const cells = documentation.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
    for (const [name, { about, default: value }] of Object.entries(variables)) {
      assert.ok(help().includes(name), `${name} is missing in --help`);
      const row = cells.find(([, first]) => first === `\`${name}\``);
      assert.deepEqual(row?.slice(2, 4), [value, about], `docs/worker.md on ${name}`);
    }
  });
});
