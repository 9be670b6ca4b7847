import { Client, Connection } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { Client as CvmClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_client';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type BuildRef, currentOf, tagKeys } from '../../contract';
import { type ActivityBench, region, startActivityBench } from '../support/activity';
import { familyInCloud } from '../support/releases';
import { startTestTemporal, type TestTemporal } from '../support/temporal';

const at = '2026-11-25T02:00:00.000Z';
const other = '100000000002';

/** The steps of a release, through the proofs that every step goes through: twice in a row, and after lost answers. */
describe('steps of a release', { concurrency: 4 }, () => {
  let temporal: TestTemporal;
  let connection: Connection;
  let bench: ActivityBench;
  before(async () => {
    temporal = await startTestTemporal();
    connection = await Connection.connect({ address: temporal.address });
    bench = await startActivityBench({}, new Client({ connection, namespace: temporal.namespace }));
  });
  after(async () => {
    await bench.stop();
    await connection.close();
    await temporal.stop();
  });

  const build: BuildRef = { buildId: 'family-000000000001', region, instanceId: '', reset: false };
  /** A family with images in these states, promoted a day after each other; those that are current answer for it. */
  const familyOf = async (...states: string[]) => {
    const suffix = randomBytes(3).toString('hex');
    const family = `family-${suffix}`;
    const images = states.map((state, index) => ({
      region,
      id: `img-${suffix}0${index}`,
      name: `${family}-2026110${index + 1}-1`,
      ...(state === 'current' ? { family } : {}),
      tags: {
        [tagKeys.build]: `test/${suffix}00-00000000000${index}`,
        [tagKeys.state]: 'kept',
        [tagKeys.family]: `test/${family}`,
        [tagKeys.release]: `${state}/2026-11-0${index + 1}T00:00:00.000Z`,
        [tagKeys.run]: `release-00000000000${index}/2026-11-0${index + 1}T00:00:00.000Z`,
      },
    }));
    await bench.cloud.seed({ images });
    return { family, ids: images.map(({ id }) => id) };
  };
  const share = (imageId: string) =>
    new CvmClient({
      credential: { secretId: 'AKIDsimulator', secretKey: 'simulator' },
      region,
      profile: { httpProfile: { protocol: 'http://', endpoint: new URL(bench.cloud.url).host } },
    }).ModifyImageSharePermission({ ImageId: imageId, AccountIds: [other], Permission: 'SHARE' });
  const sharesOf = async (id: string) => {
    const { images } = await bench.cloud.state(region);
    return (images.find((one) => one.id === id)!.shares as { account: string }[]).map(({ account }) => account);
  };
  const fault = (action: string, contains: string, kind: Record<string, unknown>) =>
    bench.cloud.armed({ action, contains, ...kind });
  /** Promotes an image as the family's workflow does. */
  const move = async (family: string, imageId: string, attempt = 1) => {
    const plan = await bench.run('inspectPromotion', { build, family, imageId }, attempt);
    const { shares, others } = plan;
    await bench.run('promoteImage', { build, family, imageId, at, shares }, attempt);
    const demotion = { build, family, current: imageId, images: others, state: 'released' as const, shares };
    return { plan, demoted: await bench.run('demoteImages', demotion, attempt) };
  };

  test('promoteImage and demoteImages: twice in a row', async () => {
    const { family, ids } = await familyOf('current', 'candidate');
    const [old, fresh] = ids as [string, string];
    const { plan } = await move(family, fresh);
    assert.equal(plan.current, old);
    const changes = async () => {
      const calls = await bench.cloud.calls({ action: 'ModifyImageAttribute' });
      return calls.filter(({ applied, resources }) => applied && resources.some((id) => ids.includes(id))).length;
    };
    const before = await changes();
    assert.equal(before, 2, 'the new one answers, the old one no longer');
    await move(family, fresh, 2);
    const now = await familyInCloud(bench.cloud, family);
    assert.deepEqual([now.of('current'), now.of('released'), now.answers], [[fresh], [old], [fresh]]);
    assert.equal(await changes(), before, 'the second time nothing is left to change');
    const { images } = await bench.run('listFamily', { build, family });
    assert.equal(currentOf(images)?.imageId, fresh);
  });

  test('at no moment a family has none: what is new answers before what is old does not', async () => {
    const { family, ids } = await familyOf('current', 'candidate');
    const [old, fresh] = ids as [string, string];
    const { shares } = await bench.run('inspectPromotion', { build, family, imageId: fresh });
    await bench.run('promoteImage', { build, family, imageId: fresh, at, shares });
    const between = await familyInCloud(bench.cloud, family);
    assert.deepEqual(between.answers.sort(), [old, fresh].sort());
    const { images } = await bench.run('listFamily', { build, family });
    assert.equal(currentOf(images)?.imageId, fresh);
  });

  for (const kind of ['answer-lost', 'request-lost'] as const) {
    for (const action of ['ModifyImageAttribute', 'TagResources'] as const) {
      test(`promoteImage and demoteImages, ${action}: ${kind}`, async () => {
        const { family, ids } = await familyOf('current', 'candidate');
        const [old, fresh] = ids as [string, string];
        const [first, second] = [await fault(action, fresh, { kind }), await fault(action, old, { kind })];
        await move(family, fresh);
        await first();
        await second();
        const now = await familyInCloud(bench.cloud, family);
        assert.deepEqual([now.of('current'), now.of('released'), now.answers], [[fresh], [old], [fresh]]);
      });
    }
  }

  test('a shared image is unshared, changed, shared again: also when an attempt was lost in between', async () => {
    const { family, ids } = await familyOf('current', 'released');
    const [old, fresh] = ids as [string, string];
    await share(old);
    await share(fresh);
    const plan = await bench.run('inspectPromotion', { build, family, imageId: fresh });
    assert.deepEqual(plan.shares, { [old]: [other], [fresh]: [other] });
    const refusal = { kind: 'error', code: 'UnauthorizedOperation', message: 'no', when: 'before' };
    const fired = await fault('ModifyImageAttribute', fresh, refusal);
    const promotion = { build, family, imageId: fresh, at, shares: plan.shares };
    await assert.rejects(bench.run('promoteImage', promotion), { type: 'UnauthorizedOperation' });
    await fired();
    assert.deepEqual(await sharesOf(fresh), [other], 'a refusal does not cost the shares');
    const { accounts } = await bench.run('unshareImage', { build, family, imageId: fresh });
    assert.deepEqual(accounts, [other]);
    // As an attempt that died after taking the shares back leaves it.
    await bench.run('promoteImage', promotion, 2);
    const demotion = {
      build,
      family,
      current: fresh,
      images: plan.others,
      state: 'released' as const,
      shares: plan.shares,
    };
    await bench.run('demoteImages', demotion);
    assert.deepEqual([await sharesOf(old), await sharesOf(fresh)], [[other], [other]]);
    assert.deepEqual((await familyInCloud(bench.cloud, family)).answers, [fresh]);
  });

  test('unshareImage: twice, and with a lost answer', async () => {
    const { family, ids } = await familyOf('released');
    const [imageId] = ids as [string];
    await share(imageId);
    const fired = await fault('ModifyImageSharePermission', imageId, { kind: 'answer-lost' });
    await bench.run('unshareImage', { build, family, imageId });
    await fired();
    assert.deepEqual(await bench.run('unshareImage', { build, family, imageId }, 2), { accounts: [] });
    assert.deepEqual(await sharesOf(imageId), []);
  });

  test('markImage: twice, with a lost answer, and never what is not of the family', async () => {
    const { family, ids } = await familyOf('candidate');
    const [imageId] = ids as [string];
    const fired = await fault('TagResources', imageId, { kind: 'answer-lost' });
    const mark = { build, family, imageId, state: 'rejected' as const, since: at };
    await bench.run('markImage', mark);
    await fired();
    await bench.run('markImage', mark, 2);
    assert.deepEqual((await familyInCloud(bench.cloud, family)).of('rejected'), [imageId]);
    await assert.rejects(bench.run('markImage', { ...mark, family: 'another' }), { type: 'NotOfFamily' });
    await bench.cloud.seed({ images: [{ region, id: 'img-foreign1', name: 'foreign' }] });
    await assert.rejects(bench.run('markImage', { ...mark, imageId: 'img-foreign1' }), { type: 'NotOfFamily' });
    await assert.rejects(bench.run('inspectPromotion', { build, family, imageId: 'img-foreign1' }), {
      type: 'NotOfFamily',
    });
  });

  test('what was current once is never rejected, and what is rejected never promoted', async () => {
    const { family, ids } = await familyOf('current', 'released', 'withdrawn', 'rejected');
    const before = (await familyInCloud(bench.cloud, family)).images;
    for (const imageId of ids.slice(0, 3)) {
      const mark = { build, family, imageId, state: 'rejected' as const, since: at };
      await assert.rejects(bench.run('markImage', mark), (error: ApplicationFailure) => {
        assert.equal(error.type, 'NotCandidate');
        assert.match(error.message, new RegExp(`${imageId} is (current|released|withdrawn)`));
        return true;
      });
    }
    assert.deepEqual((await familyInCloud(bench.cloud, family)).images, before);
    await assert.rejects(bench.run('inspectPromotion', { build, family, imageId: ids[3]! }), { type: 'Rejected' });
  });

  test('what is rejected does not answer for the family, also when it is shared', async () => {
    const { family, ids } = await familyOf('current', 'candidate');
    const [current, imageId] = ids as [string, string];
    await bench.run('promoteImage', { build, family, imageId, at, shares: {} });
    await share(imageId);
    // As a promotion that was given up leaves it, when the undo of that was lost.
    const candidate = { build, family, imageId, state: 'candidate' as const, since: at, again: true };
    await bench.run('markImage', candidate);
    assert.deepEqual((await familyInCloud(bench.cloud, family)).answers, [current]);
    assert.deepEqual(await sharesOf(imageId), [other]);
    await bench.run('markImage', { ...candidate, state: 'rejected' });
    const now = await familyInCloud(bench.cloud, family);
    assert.deepEqual([now.of('current'), now.of('rejected'), now.answers], [[current], [imageId], [current]]);
  });

  test('a rollback that came to nothing does not leave its image answering', async () => {
    const { family, ids } = await familyOf('current', 'released');
    const [current, imageId] = ids as [string, string];
    await bench.run('promoteImage', { build, family, imageId, at, shares: {} });
    assert.ok((await familyInCloud(bench.cloud, family)).answers.includes(imageId));
    for (const times of [1, 2]) {
      await bench.run('markImage', { build, family, imageId, state: 'released', since: at, again: true }, times);
      const now = await familyInCloud(bench.cloud, family);
      assert.deepEqual([now.of('current'), now.of('released'), now.answers], [[current], [imageId], [current]]);
    }
  });

  test('a promotion is over when everybody sees it, though tags show late', async () => {
    const { family, ids } = await familyOf('candidate');
    const [imageId] = ids as [string];
    const fired = await fault('TagResources', imageId, { kind: 'write-lag', milliseconds: 300 });
    await bench.run('promoteImage', { build, family, imageId, at, shares: {} });
    await fired();
    const mark = { build, family, imageId, state: 'rejected' as const, since: at };
    await assert.rejects(bench.run('markImage', mark), { type: 'NotCandidate' });
  });

  test('an image of others that the cloud answers with is told, and left alone', async () => {
    const { family, ids } = await familyOf('candidate');
    const [imageId] = ids as [string];
    const { plan } = await move(family, imageId);
    assert.deepEqual(plan.others, []);
    await bench.cloud.seed({ images: [{ region, name: `foreign-${family}`, family }] });
    const { demoted } = await move(family, imageId, 2);
    assert.match(demoted.notes[0] ?? '', /DescribeImageFromFamily answers img-\S+ \(foreign-/);
    assert.equal((await familyInCloud(bench.cloud, family)).answers.length, 2);
  });

  test('nameRelease counts up within family and date', async () => {
    const family = `name-${randomBytes(3).toString('hex')}`;
    const input = { build, family, template: '{family}-{date}-{seq}', timeZone: 'Asia/Shanghai', nominalAt: at };
    const name = async (more = {}) => (await bench.run('nameRelease', { ...input, ...more })).imageName;
    assert.equal(await name(), `${family}-20261125-1`);
    const names = [`${family}-20261125-9`, `${family}-20261125-2`, `${family}-20261124-50`, `x${family}-20261125-77`];
    await bench.cloud.seed({ images: names.map((one) => ({ region, name: one })) });
    assert.equal(await name(), `${family}-20261125-10`);
    assert.equal(await name({ nominalAt: '2026-11-24T15:59:59Z' }), `${family}-20261124-51`);
    assert.equal(await name({ nominalAt: '2026-11-24T16:00:00Z' }), `${family}-20261125-10`);
    assert.equal(await name({ template: '{seq}{date}{family}' }), `120261125${family}`);
    await bench.cloud.seed({ images: [{ region, name: `120261125${family}` }] });
    assert.equal(await name({ template: '{seq}{date}{family}' }), `220261125${family}`);
  });
});
