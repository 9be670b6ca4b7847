import { type Disk } from '../state/records';
import { type World } from '../state/world';
import { isLocal } from '../cvm/instances';
import { type Action } from '../wire/action';
import { ApiError } from '../wire/errors';
import { type Filter, type FilterKeys, matcher, page, tagKeys } from '../wire/filters';
import { snapshotsIn } from './snapshots';
import { requireOneOf } from '../wire/values';
import { wireDisk } from './wire-disk';

interface DescribeRequest {
  readonly DiskIds?: readonly string[];
  readonly Filters?: readonly Filter[];
  readonly Offset?: number;
  readonly Limit?: number;
  readonly Order?: string;
}

const filterKeys = (world: World): FilterKeys<Disk> => ({
  ...tagKeys,
  'disk-usage': (disk, value) => disk.usage === value,
  'disk-charge-type': (disk, value) => disk.chargeType === value,
  portable: (disk, value) => (disk.usage === 'DATA_DISK') === (value.toUpperCase() === 'TRUE'),
  'project-id': (_, value) => value === '0',
  'disk-id': (disk, value) => disk.id === value,
  'disk-name': (disk, value) => disk.name === value,
  'disk-type': (disk, value) => disk.type === value,
  'disk-state': (disk, value) => disk.state === value,
  'instance-id': (disk, value) => disk.instanceId === value,
  zone: (disk, value) => disk.zone === value,
  'instance-ip-address': (disk, value) => world.instances.get(disk.instanceId ?? '')?.privateIp === value,
  'instance-name': (disk, value) => world.instances.get(disk.instanceId ?? '')?.name === value,
  'dedicated-cluster-id': () => false,
  'cluster-group-id': () => false,
});

/** Cloud disks only: local disks are no business of CBS. */
export const describeDisks: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as DescribeRequest;
  const ids = request.DiskIds ?? [];
  const filters = request.Filters ?? [];
  if (ids.length > 0 && filters.length > 0) {
    throw new ApiError('InvalidParameterValue', '`DiskIds` and `Filters` cannot be used together.');
  }
  if (ids.length > 100) throw new ApiError('InvalidParameterValue', 'The number of `DiskIds` exceeds the limit `100`.');
  const malformed = ids.find((id) => !/^disk-[0-9a-z]{8}$/.test(id));
  if (malformed !== undefined)
    throw new ApiError('InvalidParameterValue', `The disk ID \`${malformed}\` is malformed.`);
  const matches = matcher(filters, filterKeys(world), { values: 100, code: 'InvalidParameterValue' });
  const rows = world.disks.shown(account, region, ids, world.now()).filter((disk) => !isLocal(disk) && matches(disk));
  requireOneOf('Order', request.Order, ['ASC', 'DESC']);
  if (request.Order === 'ASC') rows.reverse();
  const shown = page(rows, request, 'InvalidParameterValue');
  const counts = new Map<string, number>();
  for (const snapshot of snapshotsIn(world, account, region))
    counts.set(snapshot.diskId, (counts.get(snapshot.diskId) ?? 0) + 1);
  return {
    TotalCount: rows.length,
    DiskSet: shown.map((disk) => wireDisk(disk, counts.get(disk.id) ?? 0, world.now())),
  };
};
