import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Cloud, type Fields, type Row, simulatorFor } from './support';

describe('networks', { concurrency: true }, () => {
  test('a VPC with a subnet, a launch into it, and all of it away again in the right order', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const { VpcId } = (await cloud.ask('CreateVpc', { VpcName: 'build', CidrBlock: '192.168.0.0/16' })).Vpc as Row;
    const subnet = { VpcId, SubnetName: 'a', CidrBlock: '192.168.1.0/28', Zone: 'ap-guangzhou-3' };
    const made = (await cloud.ask('CreateSubnet', subnet)).Subnet as Row;
    assert.deepEqual([made.VpcId, made.AvailableIpAddressCount], [VpcId, 13]);
    const launch: Fields = {
      ImageId: 'img-ubuntu24',
      Placement: { Zone: 'ap-guangzhou-3' },
      VirtualPrivateCloud: { VpcId, SubnetId: made.SubnetId },
    };
    await cloud.refused('FailedOperation.NoAvailableIpAddressCountInSubnet', 'RunInstances', {
      ...launch,
      InstanceCount: 14,
    });
    const { InstanceIdSet } = await cloud.ask('RunInstances', { ...launch, InstanceCount: 13 });
    const rows = await cloud.rows('DescribeInstances', 'InstanceSet', { InstanceIds: InstanceIdSet });
    const addresses = new Set(rows.map((row) => (row.PrivateIpAddresses as string[])[0]));
    assert.equal(addresses.size, 13, 'no two have the same address');
    const [full] = await cloud.rows('DescribeSubnets', 'SubnetSet', { SubnetIds: [made.SubnetId] });
    assert.equal(full!.AvailableIpAddressCount, 0);

    await cloud.refused('ResourceInUse', 'DeleteVpc', { VpcId });
    await cloud.refused('ResourceInUse', 'DeleteSubnet', { SubnetId: made.SubnetId });
    const ids = InstanceIdSet as string[];
    await Promise.all(ids.map((id) => cloud.settled(id, 'RUNNING')));
    await cloud.ask('TerminateInstances', { InstanceIds: ids });
    for (;;) if ((await cloud.ask('DescribeInstances', { InstanceIds: ids })).TotalCount === 0) break;
    await cloud.ask('DeleteSubnet', { SubnetId: made.SubnetId });
    await cloud.ask('DeleteVpc', { VpcId });
    await cloud.refused('ResourceNotFound', 'DeleteVpc', { VpcId });
  });

  test('blocks of addresses are checked', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const vpc = (CidrBlock: string): Fields => ({ VpcName: 'v', CidrBlock });
    await cloud.refused('InvalidParameterValue.Malformed', 'CreateVpc', vpc('10.0.0.1/16'));
    await cloud.refused('InvalidParameterValue', 'CreateVpc', vpc('8.8.0.0/16'));
    await cloud.refused('InvalidParameterValue', 'CreateVpc', vpc('10.0.0.0/29'));
    const subnet = (CidrBlock: string): Fields => ({
      VpcId: 'vpc-gz000002',
      SubnetName: 's',
      CidrBlock,
      Zone: 'ap-guangzhou-1',
    });
    await cloud.refused('InvalidParameterValue.SubnetRange', 'CreateSubnet', subnet('10.9.0.0/24'));
    await cloud.refused('InvalidParameterValue.SubnetConflict', 'CreateSubnet', subnet('10.1.1.128/25'));
    await cloud.refused('InvalidParameterValue', 'CreateSubnet', { ...subnet('10.1.2.0/24'), Zone: 'ap-tokyo-1' });
    await cloud.refused('ResourceNotFound', 'CreateSubnet', { ...subnet('10.1.2.0/24'), VpcId: 'vpc-00000000' });
    await cloud.ask('CreateSubnet', subnet('10.1.2.0/24'));
  });

  test('security groups and their policies', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const create = { GroupName: 'build', GroupDescription: 'for a while' };
    const { SecurityGroupId } = (await cloud.ask('CreateSecurityGroup', create)).SecurityGroup as Row;
    const set = async (SecurityGroupPolicySet: Fields): Promise<unknown> =>
      cloud.ask('CreateSecurityGroupPolicies', { SecurityGroupId, SecurityGroupPolicySet });
    const ssh = { Protocol: 'tcp', Port: '22', CidrBlock: '0.0.0.0/0', Action: 'accept' };
    await set({ Ingress: [ssh] });
    await set({ Egress: [{ Protocol: 'ALL', Port: 'all', CidrBlock: '0.0.0.0/0', Action: 'ACCEPT' }] });
    await assert.rejects(set({ Ingress: [ssh] }), /DuplicatePolicy/);
    await assert.rejects(set({ Ingress: [ssh], Egress: [ssh] }), /InvalidParameter.Coexist/);
    await assert.rejects(set({ Ingress: [{ ...ssh, Port: '70000' }] }), /InvalidParameterValue/);
    await assert.rejects(set({ Ingress: [{ ...ssh, Protocol: 'ICMP' }] }), /InvalidParameterValue/);
    const policies = (await cloud.ask('DescribeSecurityGroupPolicies', { SecurityGroupId })).SecurityGroupPolicySet as {
      Version: string;
      Ingress: Row[];
      Egress: Row[];
    };
    assert.equal(policies.Version, '2');
    assert.deepEqual(
      [policies.Ingress, policies.Egress].map((rows) => rows.map((row) => [row.Protocol, row.Port, row.Action])),
      [[['TCP', '22', 'ACCEPT']], [['ALL', 'all', 'ACCEPT']]],
    );
    const launch = {
      ImageId: 'img-ubuntu24',
      Placement: { Zone: 'ap-guangzhou-3' },
      SecurityGroupIds: [SecurityGroupId],
    };
    await cloud.ask('RunInstances', launch);
    await cloud.refused('ResourceInUse', 'DeleteSecurityGroup', { SecurityGroupId });
    const { SecurityGroupId: unused } = (await cloud.ask('CreateSecurityGroup', create)).SecurityGroup as Row;
    await cloud.ask('DeleteSecurityGroup', { SecurityGroupId: unused });
    await cloud.refused('ResourceNotFound', 'DeleteSecurityGroup', { SecurityGroupId: unused });
  });

  test('take tags like everything else', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const Resource = 'qcs::vpc:ap-guangzhou:uin/100000000001:vpc/vpc-gz000001';
    await cloud.ask('ModifyResourceTags', { Resource, ReplaceTags: [{ TagKey: 'team', TagValue: 'net' }] });
    const [row] = await cloud.rows('DescribeVpcs', 'VpcSet', { Filters: [{ Name: 'tag:team', Values: ['net'] }] });
    assert.equal(row!.VpcId, 'vpc-gz000001');
  });
});
