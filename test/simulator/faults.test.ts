import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  advance,
  Cloud,
  control,
  type Fields,
  type Row,
  simulatorFor,
  simulatorWithClock,
  stopClock,
  until,
} from './support';

const web = 'ins-web00001';
const image = (name: string): Fields => ({ ImageName: name, InstanceId: web });

describe('faults', { concurrency: true }, () => {
  test('an answer is lost after the call was applied, exactly once', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const { id } = simulator.arm({ action: 'CreateSnapshot', kind: 'answer-lost', match: { DiskId: 'disk-webdata1' } });
    await cloud.ask('CreateSnapshot', { DiskId: 'disk-webdata2' });
    await cloud.refused('InvalidDiskId.NotFound', 'CreateSnapshot', { DiskId: 'disk-00000000' });
    await assert.rejects(cloud.ask('CreateSnapshot', { DiskId: 'disk-webdata1' }), /socket hang up|ECONNRESET/);
    const made = await cloud.rows('DescribeSnapshots', 'SnapshotSet', {
      Filters: [{ Name: 'disk-id', Values: ['disk-webdata1'] }],
    });
    assert.equal(made.length, 1);
    await cloud.snapshotDone(String(made[0]!.SnapshotId));
    await cloud.ask('CreateSnapshot', { DiskId: 'disk-webdata1' });
    const [call] = simulator.calls({ action: 'CreateSnapshot' }).filter((one) => one.outcome === 'lost');
    assert.deepEqual([call!.applied, call!.faults], [true, [id]]);
    assert.ok(call!.resources.includes(String(made[0]!.SnapshotId)));
  });

  test('a request is lost before it is applied', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    simulator.arm({ action: 'StopInstances', kind: 'request-lost' });
    await assert.rejects(cloud.ask('StopInstances', { InstanceIds: [web] }));
    assert.equal((await cloud.instance(web)).InstanceState, 'RUNNING');
    assert.equal(simulator.calls({ action: 'StopInstances' })[0]!.applied, false);
    await cloud.ask('StopInstances', { InstanceIds: [web] });
  });

  test('HTTP 502, before and after applying', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    simulator.arm({ action: 'CreateImage', kind: 'http-502', when: 'before' });
    assert.deepEqual(await cloud.send('CreateImage', image('first-try')), { status: 502, type: '', body: '' });
    assert.equal(
      (await cloud.ask('DescribeImages', { Filters: [{ Name: 'image-name', Values: ['first-try'] }] })).TotalCount,
      0,
    );
    simulator.arm({ action: 'CreateImage', kind: 'http-502', when: 'after' });
    assert.equal((await cloud.send('CreateImage', image('b'))).status, 502);
    await cloud.refused('InvalidImageName.Duplicate', 'CreateImage', image('b'));
  });

  test('errors, the nth time and as often as asked', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const armed = {
      action: 'DescribeImages',
      kind: 'error',
      code: 'InternalError',
      message: 'injected',
      nth: 3,
      times: 2,
    };
    const { id } = await control(simulator.url, 'POST', '/faults', armed);
    const outcomes: string[] = [];
    for (let round = 0; round < 6; round++) {
      outcomes.push(
        await cloud.ask('DescribeImages').then(
          () => 'OK',
          (error: unknown) => (error as Error).message,
        ),
      );
    }
    assert.deepEqual(outcomes, ['OK', 'OK', 'InternalError: injected', 'InternalError: injected', 'OK', 'OK']);
    const fault = await control(simulator.url, 'GET', `/faults/${String(id)}`);
    assert.deepEqual([fault.seen, fault.fired], [6, 2]);
    await control(simulator.url, 'DELETE', `/faults/${String(id)}`);
    assert.equal(simulator.faults().length, 0);
  });

  test('fire exactly as often as armed when calls come together', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    simulator.arm({ action: 'DescribeZones', kind: 'error', code: 'InternalError', times: 7 });
    simulator.arm({ action: 'DescribeZones', kind: 'delay', milliseconds: 1, times: 100 });
    const all = await Promise.all(
      Array.from({ length: 40 }, () =>
        cloud.ask('DescribeZones').then(
          () => 'OK',
          () => 'failed',
        ),
      ),
    );
    assert.equal(all.filter((outcome) => outcome === 'failed').length, 7);
    assert.deepEqual(
      simulator.faults().map((fault) => fault.fired),
      [7, 40],
    );
  });

  test('a delay comes before or after applying', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    simulator.arm({ action: 'StopInstances', kind: 'delay', milliseconds: 60_000, when: 'after' });
    const answer = cloud.ask('StopInstances', { InstanceIds: [web] }).catch((error: unknown) => error);
    await until('logged', () => Promise.resolve(simulator.calls({ action: 'StopInstances' })[0]));
    await cloud.settled(web, 'STOPPED');
    simulator.arm({ action: 'StartInstances', kind: 'delay', milliseconds: 30, when: 'before' });
    const began = Date.now();
    await cloud.ask('StartInstances', { InstanceIds: [web] });
    assert.ok(Date.now() - began >= 29);
    await simulator.close();
    assert.ok((await answer) instanceof Error);
  });

  test('images fail, or never finish', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    simulator.arm({ action: 'CreateImage', kind: 'image-fails' });
    const failed = String((await cloud.ask('CreateImage', image('a'))).ImageId);
    await cloud.imageDone(failed, 'CREATEFAILED');
    await cloud.settled(web, 'RUNNING');
    await cloud.ask('DeleteImages', { ImageIds: [failed], DeleteBindedSnap: true });
    simulator.arm({ action: 'CreateImage', kind: 'image-never-finishes' });
    const stuck = String((await cloud.ask('CreateImage', image('a'))).ImageId);
    await cloud.settled(web, 'RUNNING');
    assert.equal((await cloud.image(stuck)).ImageState, 'CREATING');
    await cloud.refused('InvalidImageId.IncorrectState', 'DeleteImages', { ImageIds: [stuck] });
    await control(simulator.url, 'POST', '/interfere', { act: 'finish-image', id: stuck });
    assert.equal((await cloud.image(stuck)).ImageState, 'NORMAL');
  });

  test('copies of an image fail, each by itself, or never finish', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const { SnapshotId } = await cloud.ask('CreateSnapshot', { DiskId: 'disk-apisys01' });
    await cloud.snapshotDone(String(SnapshotId));
    const made = { ImageName: 'plain', SnapshotIds: [SnapshotId] };
    const original = String((await cloud.ask('CreateImage', made)).ImageId);
    await cloud.imageDone(original);
    const sync = { action: 'SyncImages', match: { DestinationRegions: ['ap-shanghai'] } };
    const copies = async (DestinationRegions: string[]) => {
      await cloud.imageDone(original);
      const request = { ImageIds: [original], DestinationRegions, ImageSetRequired: true };
      return ((await cloud.ask('SyncImages', request)).ImageSet as Row[]).map(({ ImageId }) => String(ImageId));
    };
    const failing = simulator.arm({ ...sync, kind: 'image-fails' });
    const [beijing, shanghai] = (await copies(['ap-beijing', 'ap-shanghai'])) as [string, string];
    await cloud.in('ap-shanghai').imageDone(shanghai, 'CREATEFAILED');
    await cloud.in('ap-beijing').imageDone(beijing);
    assert.equal(simulator.faults().find(({ id }) => id === failing.id)?.fired, 1);
    await cloud.in('ap-shanghai').ask('DeleteImages', { ImageIds: [shanghai], DeleteBindedSnap: true });
    assert.equal((await cloud.in('ap-shanghai').ask('DescribeImages', { ImageIds: [] })).TotalCount, 7, 'public ones');

    simulator.arm({ ...sync, kind: 'image-never-finishes' });
    const [stuck] = (await copies(['ap-shanghai'])) as [string];
    await cloud.imageDone(original);
    assert.equal((await cloud.in('ap-shanghai').image(stuck)).ImageState, 'SYNCING');
  });

  test('stops fail softly, or are ignored', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    simulator.arm({ action: 'StopInstances', kind: 'soft-stop-fails', times: 2 });
    await cloud.ask('StopInstances', { InstanceIds: [web] });
    assert.equal((await cloud.settled(web, 'RUNNING')).LatestOperationState, 'FAILED');
    await cloud.ask('StopInstances', { InstanceIds: [web], StopType: 'SOFT_FIRST' });
    await cloud.settled(web, 'STOPPED');
    simulator.arm({ action: 'StopInstances', kind: 'stop-ignored' });
    await cloud.ask('StopInstances', { InstanceIds: ['ins-web00002'] });
    assert.equal((await cloud.instance('ins-web00002')).InstanceState, 'RUNNING');
  });

  test('launches fail, and what was made shows up late', async (t) => {
    const simulator = await simulatorFor(t, { durations: { failedLaunch: 60_000 } });
    const cloud = new Cloud(simulator.port);
    const run = async (): Promise<string> =>
      (
        (await cloud.ask('RunInstances', { ImageId: 'img-ubuntu24', Placement: { Zone: 'ap-guangzhou-3' } }))
          .InstanceIdSet as string[]
      )[0]!;
    simulator.arm({ action: 'RunInstances', kind: 'launch-fails' });
    const failed = await run();
    await cloud.settled(failed, 'LAUNCH_FAILED');
    await cloud.refused('UnsupportedOperation.InstanceStateLaunchFailed', 'TerminateInstances', {
      InstanceIds: [failed],
    });
    await stopClock(simulator.url);
    simulator.arm({ action: 'RunInstances', kind: 'describe-lag', milliseconds: 300 });
    const late = await run();
    const shown = async (): Promise<unknown> =>
      (await cloud.ask('DescribeInstances', { InstanceIds: [late] })).TotalCount;
    assert.equal(await shown(), 0);
    // 300 real milliseconds at this speed.
    await advance(simulator.url, 0.3 * simulator.speed);
    assert.equal(await shown(), 1);
  });

  test('what a slow call begins takes so many times as long, and nothing else does', async (t) => {
    const { clock, simulator } = await simulatorWithClock(t, { durations: { stop: 60 } });
    const cloud = new Cloud(simulator.port);
    const { id } = simulator.arm({ action: 'StopInstances', kind: 'slow', factor: 3 });
    const stateAfter = async (instanceId: string) => {
      await cloud.ask('StopInstances', { InstanceIds: [instanceId] });
      clock.pass(100);
      return (await cloud.instance(instanceId)).InstanceState;
    };
    assert.equal(await stateAfter(web), 'STOPPING');
    assert.equal(await stateAfter('ins-web00002'), 'STOPPED');
    assert.equal((await cloud.instance(web)).InstanceState, 'STOPPED');
    assert.deepEqual(simulator.calls({ action: 'StopInstances' })[0]!.faults, [id]);
  });

  test('what is armed wrongly is refused', async (t) => {
    const { url } = await simulatorFor(t);
    await assert.rejects(control(url, 'POST', '/faults', { kind: 'gremlins' }), /kind must be one of/);
    await assert.rejects(control(url, 'POST', '/faults', { kind: 'error' }), /needs a code/);
    await assert.rejects(
      control(url, 'POST', '/faults', { kind: 'delay', milliseconds: 1, acton: 'x' }),
      /unknown fault field "acton"/,
    );
  });

  test('what could never fire is refused, with the reason', async (t) => {
    const simulator = await simulatorFor(t);
    const wrong: readonly (readonly [fault: unknown, reason: RegExp])[] = [
      [[], /^a fault is a JSON object$/],
      [{ kind: 'http-502', action: 'createImage' }, /^unknown action "createImage".*did you mean CreateImage\?$/],
      [{ kind: 'http-502', action: 'DescribeImages', service: 'cbs' }, /is an action of cvm, not of cbs/],
      [{ kind: 'http-502', service: 'cos' }, /^service: must be cvm or /],
      [{ kind: 'image-fails', action: 'RunInstances' }, /only CreateImage and SyncImages meet:/],
      [{ kind: 'image-fails', service: 'cbs' }, /only CreateImage and SyncImages meet: with the service cbs/],
      [{ kind: 'describe-lag', action: 'StopInstances', milliseconds: 5 }, /^StopInstances makes nothing/],
      [{ kind: 'write-lag', action: 'DescribeImages', milliseconds: 5 }, /^DescribeImages changes nothing/],
      [{ kind: 'answer-lost', action: 'ImportImage' }, /^ImportImage is not served/],
      [{ kind: 'http-502', region: 'mars' }, /^unknown region "mars"/],
      [{ kind: 'http-502', action: 'AssumeRole', region: 'ap-tokyo' }, /^sts has no regions/],
      [{ kind: 'delay', milliseconds: -1 }, /^milliseconds: must be at least 0, not -1$/],
      [{ kind: 'delay', milliseconds: '5' }, /^milliseconds: must be a number, not "5"$/],
      [{ kind: 'delay', milliseconds: 2 ** 31 }, /^milliseconds: must be at most 2147483647/],
      [{ kind: 'pause', milliseconds: 'long' }, /^milliseconds: must be a number/],
      [{ kind: 'delay' }, /needs milliseconds$/],
      [{ kind: 'http-502', match: 'ins-web00001' }, /^match: must be an object, not "ins-web00001"$/],
      [{ kind: 'http-502', match: ['x'] }, /^match: must be an object/],
      [{ kind: 'http-502', action: 'CreateImage', match: { Instanceid: web } }, /has no parameter Instanceid; it has/],
      [{ kind: 'http-502', contains: '' }, /^contains: must not be empty$/],
      [{ kind: 'http-502', nth: 0 }, /^nth: must be at least 1, not 0$/],
      [{ kind: 'http-502', times: 1.5 }, /^times: must be a whole number, not 1.5$/],
      [{ kind: 'http-502', probability: 0 }, /^probability: must be above 0/],
      [{ kind: 'http-502', lasts: -5 }, /^lasts: must be above 0, not -5$/],
      [{ kind: 'http-502', code: 'InternalError' }, /^unknown fault field "code": with the kind "http-502", use/],
      [{ kind: 'request-lost', when: 'after' }, /is always before the call is applied$/],
      [{ kind: 'answer-lost', when: 'before' }, /is always after the call is applied$/],
      [{ kind: 'error', code: 'no code' }, /^code: must be an error code/],
      [{ kind: 'error', code: 7 }, /^code: must be a string|^code: must be an error code/],
      [{ kind: 'hook', url: 'https://127.0.0.1/' }, /^url: must be a URL/],
      [{ kind: 'interfere', interference: { act: 'stop-instance' } }, /needs the id/],
      [{ kind: 'interfere', interference: { act: 'resize-disk', id: 'disk-webdata1', size: -1 } }, /^size: must be/],
    ];
    for (const [fault, reason] of wrong) {
      const response = await fetch(`${simulator.url}/_simulator/faults`, {
        method: 'POST',
        body: JSON.stringify(fault),
      });
      assert.equal(response.status, 400, JSON.stringify(fault));
      const { error } = (await response.json()) as { error: string };
      assert.match(error, reason);
      assert.ok(!error.includes('\n'), error);
    }
    assert.deepEqual(simulator.faults(), []);
  });

  test('someone else interferes, and a reset goes back to the seed', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    await control(simulator.url, 'POST', '/interfere', { act: 'terminate-instance', id: web });
    await control(simulator.url, 'POST', '/interfere', {
      act: 'retag',
      id: 'ins-web00002',
      tags: { team: null, owner: 'x' },
    });
    assert.deepEqual((await cloud.instance('ins-web00002')).Tags, [{ Key: 'owner', Value: 'x' }]);
    assert.equal((await cloud.ask('DescribeInstances', { InstanceIds: [web] })).TotalCount, 0);
    await control(simulator.url, 'POST', '/reset');
    assert.equal((await cloud.instance(web)).InstanceState, 'RUNNING');
    const planted = await control(simulator.url, 'POST', '/seed', {
      instances: [{ region: 'eu-frankfurt', dataDisks: 2 }],
    });
    const [made] = planted.instances as { InstanceId: string; DataDiskIds: string[] }[];
    assert.equal(made!.DataDiskIds.length, 2);
    assert.equal((await cloud.in('eu-frankfurt').instance(made!.InstanceId)).InstanceState, 'RUNNING');
    await assert.rejects(
      control(simulator.url, 'POST', '/seed', { instances: [{ region: 'mars' }] }),
      /unknown region/,
    );
    const { regions } = await control(simulator.url, 'GET', '/state?region=ap-guangzhou');
    assert.deepEqual(Object.keys(regions as object), ['ap-guangzhou']);
  });
});
