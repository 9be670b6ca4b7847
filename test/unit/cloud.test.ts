import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CloudError, kindOf, toCloudError } from '../../activities/cloud/errors';
import { Looker } from '../../activities/cloud/looker';
import { Pace } from '../../activities/engine/pace';

describe('failures of the cloud', () => {
  const sorted: [string, string][] = [
    ['RequestLimitExceeded', 'throttled'],
    ['RequestLimitExceeded.UinLimitExceeded', 'throttled'],
    ['InternalError', 'transient'],
    ['InternalServerError', 'transient'],
    ['OperationDenied.InstanceOperationInProgress', 'busy'],
    ['MutexOperation.TaskRunning', 'busy'],
    ['InvalidDisk.SnapshotCreating', 'busy'],
    ['ResourceInUse.DiskRollbacking', 'busy'],
    ['ImageQuotaLimitExceeded', 'exhausted'],
    ['ResourceInsufficient.OverQuota', 'exhausted'],
    ['InsufficientSnapshotQuota', 'exhausted'],
    ['LimitExceeded.InstanceQuota', 'exhausted'],
    ['AuthFailure.SecretIdNotFound', 'blocked'],
    ['UnauthorizedOperation', 'blocked'],
    ['InvalidAccount.InsufficientBalance', 'blocked'],
    ['ResourcesSoldOut.SpecifiedInstanceType', 'blocked'],
    ['ResourceInsufficient.CloudDiskSoldOut', 'blocked'],
    ['InvalidImageName.Duplicate', 'refused'],
    ['UnsupportedOperation.StoppedModeStopCharging', 'refused'],
    ['InvalidParameterValue.TooLarge', 'refused'],
  ];
  for (const [code, kind] of sorted) {
    test(`${code} is ${kind}`, () => assert.equal(kindOf(code), kind));
  }

  test('what is not an answer of the API is transient, and secrets are kept out of it', () => {
    const lost = toCloudError('StopInstances', Object.assign(new Error('socket hang up s3cr3t'), { code: '' }), [
      's3cr3t',
    ]);
    assert.equal(lost.kind, 'transient');
    assert.equal(lost.message, 'socket hang up ***');
    const gateway = toCloudError('StopInstances', Object.assign(new Error('Bad Gateway'), { httpCode: 502 }), []);
    assert.deepEqual([gateway.kind, gateway.code], ['transient', 'HttpStatus502']);
  });
});

describe('shared look-ups', () => {
  test('look-ups at the same time go into one request, and each gets its own answer', async () => {
    const requests: string[][] = [];
    const looker = new Looker(
      (ids) => {
        requests.push(ids);
        return Promise.resolve(ids.filter((id) => id !== 'gone').map((id) => ({ id })));
      },
      ({ id }) => id,
    );
    const found = await Promise.all([looker.look('a'), looker.look('b'), looker.look('gone'), looker.look('a')]);
    assert.deepEqual(found, [{ id: 'a' }, { id: 'b' }, undefined, { id: 'a' }]);
    assert.deepEqual(requests, [['a', 'b', 'gone']]);
  });

  test('more than a hundred are split', async () => {
    const sizes: number[] = [];
    const looker = new Looker(
      (ids) => {
        sizes.push(ids.length);
        return Promise.resolve(ids.map((id) => ({ id })));
      },
      ({ id }) => id,
    );
    await Promise.all(Array.from({ length: 230 }, (_, index) => looker.look(`id-${index}`)));
    assert.deepEqual(sizes, [100, 100, 30]);
  });

  test('a waiting one that is half-way there comes along with a request for another', async () => {
    const requests: string[][] = [];
    const looker = new Looker(
      (ids) => {
        requests.push(ids);
        return Promise.resolve(ids.map((id) => ({ id })));
      },
      ({ id }) => id,
    );
    const over = new AbortController();
    const { signal } = over;
    const waiting = looker.pause('slow', 10_000, signal);
    const short = looker.pause('short', 5, signal);
    await short;
    // Not half-way yet: it is left alone.
    await looker.look('other');
    assert.deepEqual(requests, [['other']]);

    const halfway = looker.pause('halfway', 60, signal);
    for (let seen = requests.length; !requests.at(-1)!.includes('halfway'); seen = requests.length) {
      await looker.look('other');
      assert.ok(requests.length > seen && requests.length < 50);
    }
    await halfway;
    const before = requests.length;
    assert.deepEqual(await looker.look('halfway'), { id: 'halfway' });
    assert.equal(requests.length, before, 'the answer that came along was used');
    over.abort();
    await assert.rejects(waiting);
  });

  test('one that is refused does not take the others of its request along', async () => {
    for (const code of ['InvalidImageId.Malformed', 'UnauthorizedOperation']) {
      const requests: string[][] = [];
      const looker = new Looker(
        (ids) => {
          requests.push(ids);
          if (ids.includes('bad')) return Promise.reject(new CloudError('refused', 'DescribeImages', code, 'no'));
          return Promise.resolve(ids.map((id) => ({ id })));
        },
        ({ id }) => id,
      );
      const ids = Array.from({ length: 9 }, (_, index) => (index === 4 ? 'bad' : `id-${index}`));
      const answers = await Promise.allSettled(ids.map((id) => looker.look(id)));
      assert.deepEqual(
        answers.flatMap(({ status }, index) => (status === 'rejected' ? [ids[index]] : [])),
        ['bad'],
      );
      assert.ok(requests.length <= 9, `found by halves, in ${requests.length} requests`);
    }
  });

  test('a request that failed for all of them is sent once, and reaches all who asked', async () => {
    for (const kind of ['transient', 'throttled', 'blocked'] as const) {
      let requests = 0;
      const looker = new Looker<{ id: string }>(
        () => {
          requests += 1;
          return Promise.reject(new CloudError(kind, 'DescribeImages', 'Code', 'no'));
        },
        ({ id }) => id,
      );
      const answers = await Promise.allSettled([looker.look('a'), looker.look('b')]);
      assert.deepEqual([requests, ...answers.map(({ status }) => status)], [1, 'rejected', 'rejected']);
    }
  });

  test('whatever else goes wrong reaches all who asked', async () => {
    const looker = new Looker<{ id: string }>(
      () => Promise.reject(new Error('no')),
      ({ id }) => id,
    );
    const answers = await Promise.allSettled([looker.look('a'), looker.look('b')]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
  });
});

describe('pace', () => {
  const waits = { percentMinSeconds: 1, percentMaxSeconds: 30, minSeconds: 2, maxSeconds: 30, growth: 0.05 };

  test('without a percentage it begins at the minimum', () => {
    assert.equal(new Pace(waits).next(), 2000);
  });

  test('with a percentage it stays within its bounds', () => {
    const pace = new Pace(waits);
    pace.next(0);
    const next = pace.next(50);
    assert.ok(next >= 1000 && next <= 30_000, String(next));
  });
});
