import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { renderFailure, renderResult } from '../../client/output/result';
import { webUiUrl } from '../../client/web-ui';
import type { BuildResult } from '../../contract';

const result: BuildResult = {
  buildId: 'web00001-0123456789ab',
  region: 'ap-guangzhou',
  image: { imageId: 'img-11111111', name: 'web-2026', size: 50, snapshotIds: ['snap-11111111'], family: 'web' },
  snapshots: [{ snapshotId: 'snap-22222222', diskId: 'disk-webdata1', usage: 'DATA_DISK', size: 100 }],
  instance: {
    instanceId: 'ins-22222222',
    name: 'web-next',
    zone: 'ap-guangzhou-3',
    privateIps: ['10.0.3.7'],
    publicIps: ['203.0.113.9'],
    systemDiskId: 'disk-22222222',
    dataDisks: [{ diskId: 'disk-33333333', snapshotId: 'snap-22222222', size: 100 }],
  },
  source: { instanceId: 'ins-web00001', wasRunning: true, downTimeSeconds: 605 },
  steps: [
    { step: 'inspectSource', seconds: 1.2 },
    { step: 'pollImage', seconds: 725 },
  ],
  resources: [],
};

describe('a result', () => {
  test('tells image, snapshots, the new instance, the down-time and the steps', () => {
    const text = renderResult(result, { seconds: 900, webUi: 'http://ui/x', extra: [['API calls', '61']] });
    assert.equal(
      text,
      [
        'Build web00001-0123456789ab is done in 15 min 00 s.',
        '',
        '  image         img-11111111  web-2026, 50 GiB, family web',
        '  snapshots     snap-22222222  of disk-webdata1, 100 GiB',
        '  new instance  ins-22222222  web-next, ap-guangzhou-3',
        '  addresses     10.0.3.7; public: 203.0.113.9',
        '  new disks     disk-22222222  system disk',
        '                disk-33333333  from snap-22222222, 100 GiB',
        '  source        ins-web00001  RUNNING again, down for 10 min 05 s',
        '  API calls     61',
        '  Web UI        http://ui/x',
        '',
        '  inspectSource           1 s',
        '  pollImage       12 min 05 s',
      ].join('\n'),
    );
  });

  test('of a stopped source says so, and leaves out what there is not', () => {
    const text = renderResult({
      ...result,
      instance: undefined,
      snapshots: [],
      source: { instanceId: 'ins-web00001', wasRunning: false },
    });
    assert.match(text, /source +ins-web00001 {2}was stopped, and is left so/);
    assert.doesNotMatch(text, /new instance/);
  });
});

describe('a failure', () => {
  test('tells what, why, code, RequestId, advice, and what is left and deleted', () => {
    const text = renderFailure(
      'failed',
      {
        buildId: 'web00001-0123456789ab',
        step: 'createImage',
        code: 'ImageQuotaLimitExceeded',
        message: 'the region is full',
        advice: 'Delete an image.',
        requestId: 'r-1',
        source: 'ins-web00001 is RUNNING again',
        resources: [
          { type: 'snapshot', id: 'snap-11111111', fate: 'deleted', note: 'of disk-webdata1' },
          { type: 'image', id: 'img-11111111', fate: 'leftover' },
        ],
      },
      { region: 'ap-guangzhou' },
    );
    assert.equal(
      text,
      [
        'Build web00001-0123456789ab failed in createImage.',
        '',
        '  why         the region is full',
        '  code        ImageQuotaLimitExceeded',
        '  RequestId   r-1',
        '  what to do  Delete an image.',
        '  source      ins-web00001 is RUNNING again',
        '  left over   image img-11111111',
        '  deleted     snapshot snap-11111111  of disk-webdata1',
        '  remove      cvm-image sweep --region ap-guangzhou --apply',
      ].join('\n'),
    );
  });
});

describe('the address in the Web UI', () => {
  const build = { workflowId: 'build-image/ap-guangzhou/ins-web00001', runId: 'r' };
  const rest = 'namespaces/n/workflows/build-image%2Fap-guangzhou%2Fins-web00001/r';
  const urlOf = (address: string, uiUrl?: string) => webUiUrl({ address, namespace: 'n', uiUrl }, build);

  test('is 1000 ports above a local Temporal, and nowhere to be guessed otherwise', () => {
    assert.equal(urlOf('localhost:7233'), `http://localhost:8233/${rest}`);
    assert.equal(urlOf('127.0.0.1:9000'), `http://127.0.0.1:10000/${rest}`);
    assert.equal(urlOf('[::1]:7233'), `http://[::1]:8233/${rest}`);
    assert.equal(urlOf('acme.a1b2c.tmprl.cloud:7233'), `https://cloud.temporal.io/${rest}`);
    assert.equal(urlOf('temporal.internal:7233'), undefined);
    assert.equal(urlOf('temporal.internal:7233', 'https://ui.internal/'), `https://ui.internal/${rest}`);
  });
});
