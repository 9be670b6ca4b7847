import { type KeyPair, type SecurityGroup, type SecurityPolicy, type Subnet, type Vpc } from '../state/records';
import { type World } from '../state/world';
import { regionOf } from './regions';

/** When the seeded, everlasting resources were made: long ago, and the same in every run. */
export const longAgo = Date.UTC(2024, 0, 15, 8);

/** IDs of an account's network in a region; `account` counts accounts from 0. */
export function networkIds(
  region: string,
  account: number,
): {
  vpc: string;
  otherVpc: string;
  subnet: (zone: number) => string;
  otherSubnet: string;
  group: string;
  otherGroup: string;
  key: string;
} {
  const code = `${regionOf(region).code}${account === 0 ? '' : String.fromCharCode(96 + account)}`;
  const id = (prefix: string, number: number): string =>
    `${prefix}-${code}${String(number).padStart(8 - code.length, '0')}`;
  return {
    vpc: id('vpc', 1),
    otherVpc: id('vpc', 2),
    subnet: (zone) => id('subnet', zone),
    otherSubnet: id('subnet', 21),
    group: id('sg', 1),
    otherGroup: id('sg', 2),
    key: id('skey', 1),
  };
}

/** The public half of a key whose private half nobody has. */
const seededPublicKey =
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCsIoNlxCSxj6NJ0uRL9pMr1a50sM3ebFivUteXkXqSknCyqcdpCVRUz2ZDs70gRc2F1GP2/ttdt2i53V4grTDAYGDvk5ObIGpG581q4LXz3NDNw+4xzt5KTAKc3lQM9NQNPXhoORtJfHxzlCsyuXGUcQBEcy3ojuthVEdx27Kcr0prvWq0JzziOvu78abUArYTV1KHkJud/WWdScZ3A470OfZXTdrjujqbKvh6gKEk6ufcxvqS0X5aJGar6rYVUgz480iuxW6XUD6LkkkyfoVWkzCiSAanXnonmWhrpYgdgIdDH9tS74jmfQ0kz8QYUnEQUpr1shiIB93M7s2wwr3X operations';

/** Rules that let everybody in (or out) on these ports. */
function openTo(...ports: readonly string[]): SecurityPolicy[] {
  return ports.map((port) => ({
    protocol: port === 'all' ? 'ALL' : 'TCP',
    port,
    cidr: '0.0.0.0/0',
    groupId: '',
    action: 'ACCEPT',
    description: '',
    at: longAgo,
  }));
}

/** Gives an account in a region its networks, unless it has them: two VPCs, a subnet in every zone, two security groups, a key. */
export function ensureNetworks(world: World, account: string, region: string): ReturnType<typeof networkIds> {
  const ids = networkIds(
    region,
    [...world.accounts.all()].findIndex((candidate) => candidate.id === account),
  );
  if (world.vpcs.get(ids.vpc) !== undefined) return ids;
  const common = { account, region, createdAt: longAgo, hiddenUntil: 0, tags: {} };
  const vpc = (id: string, name: string, cidr: string, isDefault: boolean): Vpc =>
    world.vpcs.put({ ...common, id, name, cidr, isDefault });
  const subnet = (id: string, name: string, zone: string, vpcId: string, cidr: string): Subnet =>
    world.subnets.put({ ...common, id, name, zone, vpcId, cidr, isDefault: vpcId === ids.vpc });
  const group = (id: string, name: string, isDefault: boolean): SecurityGroup =>
    world.securityGroups.put({
      ...common,
      id,
      name,
      description: '',
      isDefault,
      ingress: openTo('22', '80', '443'),
      egress: openTo('all'),
      version: 1,
    });
  const key: KeyPair = { ...common, id: ids.key, name: 'operations', description: '', publicKey: seededPublicKey };
  vpc(ids.vpc, 'default', '10.0.0.0/16', true);
  vpc(ids.otherVpc, 'staging', '10.1.0.0/16', false);
  const { zones } = regionOf(region);
  zones.forEach((zone, index) =>
    subnet(ids.subnet(index + 1), `default-${index + 1}`, zone, ids.vpc, `10.0.${index * 16}.0/20`),
  );
  subnet(ids.otherSubnet, 'staging-1', zones[0]!, ids.otherVpc, '10.1.1.0/24');
  group(ids.group, 'default', true);
  group(ids.otherGroup, 'web', false);
  world.keyPairs.put(key);
  return ids;
}
