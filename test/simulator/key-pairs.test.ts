import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { rsaKeyOf } from '../../simulator/cvm/public-keys';
import { advance, Cloud, type Fields, type Row, simulatorFor, stopClock } from './support';

const web = 'ins-web00001';
const create = (name: string): Fields => ({ KeyName: name, ProjectId: 0 });

describe('key pairs', { concurrency: true }, () => {
  test('are made with a private key that fits the public one, and is never shown again', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const pair = (await cloud.ask('CreateKeyPair', create('deploy_1'))).KeyPair as Row;
    assert.match(String(pair.PrivateKey), /^-----BEGIN RSA PRIVATE KEY-----/);
    const { n } = createPublicKey(createPrivateKey(String(pair.PrivateKey))).export({ format: 'jwk' });
    const line = Buffer.from(String(pair.PublicKey).split(' ')[1]!, 'base64');
    assert.ok(line.includes(Buffer.from(n!, 'base64url')), 'the public key is of the private key');
    const [shown] = await cloud.rows('DescribeKeyPairs', 'KeyPairSet', { KeyIds: [pair.KeyId] });
    assert.deepEqual([shown!.KeyName, shown!.PublicKey, shown!.PrivateKey], ['deploy_1', pair.PublicKey, undefined]);
  });

  test('names follow the rules, and are unique in the region', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    await cloud.refused('InvalidKeyPairNameEmpty', 'CreateKeyPair', create(''));
    await cloud.refused('InvalidKeyPairNameTooLong', 'CreateKeyPair', create('x'.repeat(26)));
    await cloud.refused('InvalidKeyPairNameIncludeIllegalChar', 'CreateKeyPair', create('a-b'));
    await cloud.refused('InvalidKeyPairName.Duplicate', 'CreateKeyPair', create('operations'));
    await cloud.refused('InvalidProjectId.NotFound', 'CreateKeyPair', { KeyName: 'a', ProjectId: 7 });
    await cloud.ask('ModifyKeyPairAttribute', { KeyId: 'skey-gz000001', KeyName: 'ops', Description: 'of the night' });
    await cloud.ask('CreateKeyPair', create('operations'));
    await cloud.refused('InvalidKeyPairName.Duplicate', 'ModifyKeyPairAttribute', {
      KeyId: 'skey-gz000001',
      KeyName: 'operations',
    });
  });

  test('are imported once', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const donor = (await cloud.in('ap-tokyo').ask('CreateKeyPair', create('donor'))).KeyPair as Row;
    const given = { KeyName: 'mine', ProjectId: 0, PublicKey: donor.PublicKey };
    const { KeyId } = await cloud.ask('ImportKeyPair', given);
    assert.match(String(KeyId), /^skey-/);
    await cloud.refused('InvalidPublicKey.Duplicate', 'ImportKeyPair', { ...given, KeyName: 'again' });
    await cloud.refused('InvalidPublicKey.Malformed', 'ImportKeyPair', {
      ...given,
      KeyName: 'b',
      PublicKey: 'ssh-rsa AAAA',
    });
    const { publicKey } = generateKeyPairSync('ed25519');
    assert.equal(rsaKeyOf(publicKey.export({ type: 'spki', format: 'pem' }).toString()), undefined);
  });

  test('of a running instance change with ForceStop: stopped, changed, started again', async (t) => {
    const simulator = await simulatorFor(t);
    await stopClock(simulator.url);
    const cloud = new Cloud(simulator.port);
    const request = { InstanceIds: [web], KeyIds: ['skey-gz000001'] };
    await cloud.refused('UnsupportedOperation.InstanceStateRunning', 'DisassociateInstancesKeyPairs', request);
    await cloud.ask('DisassociateInstancesKeyPairs', { ...request, ForceStop: true });
    const states: unknown[] = [];
    for (;;) {
      const row = await cloud.instance(web);
      assert.equal(row.LatestOperation, 'DisassociateInstancesKeyPairs');
      if (row.LatestOperationState !== 'OPERATING') break;
      states.push(row.InstanceState);
      await cloud.refused('OperationDenied.InstanceOperationInProgress', 'AssociateInstancesKeyPairs', {
        ...request,
        ForceStop: true,
      });
      await advance(simulator.url);
    }
    assert.deepEqual(states, ['STOPPING', 'STOPPED', 'STARTING', 'RUNNING']);
    const row = await cloud.settled(web, 'RUNNING');
    assert.deepEqual((row.LoginSettings as Row).KeyIds, null);
  });

  test('of a stopped instance change where it stands; those in use stay', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const { KeyId } = (await cloud.ask('CreateKeyPair', create('fresh'))).KeyPair as Row;
    const request = { InstanceIds: ['ins-api00001'], KeyIds: [KeyId] };
    await cloud.ask('AssociateInstancesKeyPairs', request);
    const row = await cloud.settled('ins-api00001', 'STOPPED');
    assert.deepEqual((row.LoginSettings as Row).KeyIds, ['skey-gz000001', KeyId]);
    const [pair] = await cloud.rows('DescribeKeyPairs', 'KeyPairSet', { KeyIds: [KeyId] });
    assert.deepEqual(pair!.AssociatedInstanceIds, ['ins-api00001']);
    await cloud.refused('InvalidParameterValue.KeyPairNotSupported', 'DeleteKeyPairs', { KeyIds: [KeyId] });

    const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'with key', InstanceId: 'ins-api00001' });
    await cloud.imageDone(String(ImageId));
    await cloud.settled('ins-api00001', 'STOPPED');
    await cloud.ask('DisassociateInstancesKeyPairs', request);
    await cloud.settled('ins-api00001', 'STOPPED');
    // The image brings it along.
    await cloud.refused('InvalidParameterValue.KeyPairNotSupported', 'DeleteKeyPairs', { KeyIds: [KeyId] });
    await cloud.ask('DeleteImages', { ImageIds: [ImageId] });
    await cloud.ask('DeleteKeyPairs', { KeyIds: [KeyId] });
    await cloud.refused('InvalidKeyPairId.NotFound', 'DeleteKeyPairs', { KeyIds: [KeyId] });
    await cloud.refused('InvalidKeyPairId.Malformed', 'DeleteKeyPairs', { KeyIds: ['key-1'] });
  });

  test('Windows takes none; an unknown one is refused', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const request = { InstanceIds: ['ins-win00001'], KeyIds: ['skey-gz000001'], ForceStop: true };
    await cloud.refused('UnsupportedOperation.InstanceOsWindows', 'AssociateInstancesKeyPairs', request);
    const unknown = { InstanceIds: [web], KeyIds: ['skey-00000000'], ForceStop: true };
    await cloud.refused('InvalidKeyPairId.NotFound', 'AssociateInstancesKeyPairs', unknown);
    const parked = { InstanceIds: ['ins-bat00001'], KeyIds: ['skey-gz000001'] };
    await cloud.refused('UnsupportedOperation.StoppedModeStopCharging', 'AssociateInstancesKeyPairs', parked);
  });
});
