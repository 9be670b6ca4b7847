import { type Disk } from '../state/records';
import { percentDone } from './snapshots';
import { chinaTime, tagList } from '../wire/formats';

/** A disk as CBS writes it. */
export function wireDisk(disk: Disk, snapshots: number, now: number): object {
  const prepaid = disk.chargeType === 'PREPAID';
  return {
    DeleteWithInstance: disk.deleteWithInstance,
    RenewFlag: prepaid ? 'NOTIFY_AND_MANUAL_RENEW' : '',
    DiskType: disk.type,
    DiskState: disk.state,
    SnapshotCount: snapshots,
    AutoRenewFlagError: false,
    Rollbacking: disk.state === 'ROLLBACKING',
    InstanceIdList: [],
    Encrypt: disk.encrypted,
    DiskName: disk.name,
    BackupDisk: false,
    Tags: tagList(disk.tags),
    InstanceId: disk.instanceId ?? '',
    AutoSnapshotPolicyIds: null,
    ThroughputPerformance: 0,
    Migrating: false,
    DiskId: disk.id,
    SnapshotSize: snapshots * disk.size * 1024,
    Placement: { Zone: disk.zone, CageId: null, CdcId: null, CdcName: null, ProjectId: 0, ProjectName: null },
    IsReturnable: disk.state === 'UNATTACHED',
    DeadlineTime: prepaid ? chinaTime(disk.createdAt + 365 * 86_400_000) : '',
    Attached: disk.instanceId !== null,
    DiskSize: disk.size,
    MigratePercent: 0,
    DiskUsage: disk.usage,
    DiskChargeType: disk.chargeType,
    Portable: disk.usage === 'DATA_DISK',
    SnapshotAbility: true,
    DeadlineError: false,
    RollbackPercent: disk.state === 'ROLLBACKING' ? percentDone(disk.changedAt, disk.doneAt, now) : 0,
    DifferDaysOfDeadline: null,
    ReturnFailCode: disk.state === 'UNATTACHED' ? 0 : 1,
    Shareable: false,
    CreateTime: chinaTime(disk.createdAt),
    DeleteSnapshot: 0,
    DiskBackupQuota: 0,
    DiskBackupCount: 0,
    InstanceType: disk.instanceId === null ? '' : 'CVM',
    LastAttachInsId: disk.lastInstanceId ?? disk.instanceId,
    ErrorPrompt: '',
    BurstPerformance: false,
  };
}
