import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Cloud, simulatorFor, simulatorWithClock, until } from './support';

const id = 'ins-web00001';
const stop = (more: object = {}): Record<string, unknown> => ({ InstanceIds: [id], ...more });

describe('instances', { concurrency: true }, () => {
  test('stop and start, keeping their latest operation', async (t) => {
    const { clock, simulator } = await simulatorWithClock(t, { durations: { stop: 40, start: 30, tail: 3 } });
    const cloud = new Cloud(simulator.port);
    const { RequestId } = await cloud.ask('StopInstances', stop());
    const stopping = await cloud.instance(id);
    assert.deepEqual(
      [
        stopping.InstanceState,
        stopping.LatestOperation,
        stopping.LatestOperationState,
        stopping.LatestOperationRequestId,
      ],
      ['STOPPING', 'StopInstances', 'OPERATING', RequestId],
    );
    clock.pass(40 + 3);
    const stopped = await cloud.settled(id, 'STOPPED');
    assert.equal(stopped.LatestOperationState, 'SUCCESS');
    assert.equal(stopped.StopChargingMode, 'KEEP_CHARGING');
    await cloud.ask('StartInstances', stop());
    clock.pass(30);
    // RUNNING is reported before the instance is let go of.
    const running = await cloud.instance(id);
    assert.deepEqual([running.InstanceState, running.LatestOperationState], ['RUNNING', 'OPERATING']);
    await cloud.refused('OperationDenied.InstanceOperationInProgress', 'StopInstances', stop());
    clock.pass(3);
    await cloud.settled(id, 'RUNNING');
  });

  test('refuse what their state does not allow, with its code', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    await cloud.refused('UnsupportedOperation.InstanceStateRunning', 'StartInstances', stop());
    await cloud.refused('InvalidInstanceId.NotFound', 'StartInstances', { InstanceIds: ['ins-00000000'] });
    await cloud.refused('InvalidInstanceId.NotFound', 'StartInstances', { InstanceIds: ['ins-sgp00001'] });
    await cloud.refused('InvalidInstanceId.Malformed', 'StartInstances', { InstanceIds: ['nonsense'] });
    await cloud.refused('InvalidParameterCombination', 'StopInstances', stop({ ForceStop: true, StopType: 'SOFT' }));
    await cloud.refused('InvalidParameterValue', 'StopInstances', stop({ StopType: 'GENTLE' }));
    await cloud.refused('InvalidParameterValue', 'StopInstances', stop({ StopType: 'soft' }));
    await cloud.refused('InvalidParameterValue', 'StopInstances', stop({ StoppedMode: 'KEEP' }));
    await cloud.refused('InvalidParameterValue', 'RebootInstances', stop({ StopType: 'GENTLE' }));
    await cloud.refused('UnsupportedOperation.InstanceStateStopped', 'RebootInstances', {
      InstanceIds: ['ins-api00001'],
    });
    await cloud.refused('UnsupportedOperation.InstanceStateStopped', 'StopInstances', {
      InstanceIds: [id, 'ins-api00001'],
    });
    assert.equal((await cloud.instance(id)).InstanceState, 'RUNNING');
  });

  test('give back their address when they stop being charged', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    await cloud.ask('StopInstances', stop({ StoppedMode: 'STOP_CHARGING', StopType: 'HARD' }));
    const stopped = await cloud.settled(id, 'STOPPED');
    assert.equal(stopped.StopChargingMode, 'STOP_CHARGING');
    assert.equal(stopped.PublicIpAddresses, null);
    await cloud.refused('UnsupportedOperation.StoppedModeStopCharging', 'CreateImage', {
      ImageName: 'x',
      InstanceId: id,
    });
    await cloud.ask('StartInstances', stop());
    const running = await cloud.settled(id, 'RUNNING');
    assert.equal((running.PublicIpAddresses as string[]).length, 1);
  });

  test('terminate with their system disk and the disks that go along', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    const database = 'ins-db000001';
    await cloud.ask('TerminateInstances', { InstanceIds: [database] });
    await until('gone', async () =>
      (await cloud.ask('DescribeInstances', { InstanceIds: [database] })).TotalCount === 0 ? true : undefined,
    );
    const disks = await cloud.rows('DescribeDisks', 'DiskSet', {
      DiskIds: ['disk-db0sys01', 'disk-db0data1', 'disk-db0data2', 'disk-db0data3'],
    });
    assert.deepEqual(
      disks.map((disk) => [disk.DiskId, disk.DiskState, disk.InstanceId]),
      [['disk-db0data3', 'UNATTACHED', '']],
    );
  });

  test('prepaid ones go to the recycle bin first; protected ones stay', async (t) => {
    const cloud = new Cloud((await simulatorFor(t)).port);
    const prepaid = { InstanceIds: ['ins-pre00001'] };
    await cloud.refused('UnsupportedOperation.InstanceMixedPricingModel', 'TerminateInstances', {
      InstanceIds: ['ins-pre00001', id],
    });
    await cloud.ask('TerminateInstances', prepaid);
    assert.equal((await cloud.instance('ins-pre00001')).InstanceState, 'SHUTDOWN');
    await cloud.ask('TerminateInstances', prepaid);
    await cloud.ask('ModifyInstancesAttribute', { InstanceIds: [id], DisableApiTermination: true });
    await cloud.refused('UnsupportedOperation.InstancesProtected', 'TerminateInstances', stop());
    await cloud.ask('ModifyInstancesAttribute', { InstanceIds: [id], InstanceName: 'renamed' });
    await cloud.refused('InvalidParameterValue', 'ModifyInstancesAttribute', {
      InstanceIds: [id],
      InstanceName: 'a',
      HostName: 'bb',
    });
    assert.equal((await cloud.instance(id)).InstanceName, 'renamed');
  });
});
