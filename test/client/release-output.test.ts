import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { renderRelease } from '../../client/output/release';
import type { Release } from '../../contract';

const release: Release = {
  kind: 'release',
  buildId: 'release-0123456789ab',
  pipeline: 'web',
  family: 'web',
  region: 'ap-guangzhou',
  workflowId: 'golden-image/ap-guangzhou/web',
  runId: '0190a0b1-0000-7000-8000-0123456789ab',
  specHash: 'abc',
  triggered: { by: 'Ada' },
  nominalAt: '2026-11-20T18:00:00.000Z',
  startedAt: '2026-11-20T18:00:01.000Z',
  outcome: 'partial',
  images: [],
  retired: [],
  stages: [{ step: 'distribute', seconds: 61 }],
  resources: [],
};

describe('a release', () => {
  test('tells of each region how far it has come, and why not further', () => {
    const text = renderRelease({
      ...release,
      distribution: [
        { region: 'ap-guangzhou', state: 'done', imageId: 'img-1', sharedWith: ['100000000002'], notShared: [] },
        {
          region: 'ap-shanghai',
          state: 'failed',
          sharedWith: [],
          notShared: [],
          problem: {
            code: 'ImageQuotaLimitExceeded',
            message: 'ap-shanghai has 10 of 10 custom images',
            advice: 'Delete one.',
            requestId: 'r-1',
          },
        },
        {
          region: 'ap-nanjing',
          state: 'at work',
          queued: {
            position: 2,
            since: '2026-11-20T18:10:00.000Z',
            until: '2026-11-20T19:10:00.000Z',
            images: { used: 10, total: 10 },
            why: 'it has one image',
          },
          sharedWith: [],
          notShared: [],
        },
        {
          region: 'ap-beijing',
          state: 'done',
          imageId: 'img-3',
          sharedWith: [],
          notShared: [{ account: '100000000009', code: 'InvalidAccountId.NotFound', message: 'no such account' }],
        },
      ],
    });
    assert.deepEqual(
      text.split('\n').filter((line) => /ap-|not shared|quota|room/.test(line)),
      [
        '  pipeline      web in ap-guangzhou, family web',
        '  distribution  ap-guangzhou: done  img-1, shared with 100000000002',
        '                ap-shanghai: failed',
        '                  ap-shanghai has 10 of 10 custom images (ImageQuotaLimitExceeded, RequestId r-1). Delete one.',
        '                ap-nanjing: at work',
        '                  waits for room until 2026-11-20T19:10:00.000Z, place 2 in the queue (10 of 10 custom images when it asked); nothing of its family may go: it has one image',
        '                ap-beijing: done  img-3',
        '                  not shared with 100000000009: no such account (InvalidAccountId.NotFound)',
      ],
    );
  });
});
