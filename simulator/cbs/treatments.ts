import { type Treatments } from '../wire/treatment';

/** Parameters of the actions here that are not honoured. */
export const cbsTreatments: Treatments = {
  AttachDisks: { ignored: ['AttachMode'] },
  CreateDisks: {
    ignored: [
      'BurstPerformance',
      'DeleteSnapshot',
      'DiskBackupQuota',
      'DiskChargePrepaid.CurInstanceDeadline',
      'DiskChargePrepaid.Period',
      'DiskChargePrepaid.RenewFlag',
      'EncryptType',
      'KmsKeyId',
      'Placement.ProjectId',
      'Placement.ProjectName',
      'ThroughputPerformance',
    ],
    refused: [
      'AutoMountConfiguration',
      'Placement.CageId',
      'Placement.CdcId',
      'Placement.CdcName',
      'Placement.DedicatedClusterId',
      'Shareable',
    ],
  },
  CreateSnapshot: { refused: ['DiskBackupId', 'LocalSnap'] },
  DetachDisks: { checked: ['InstanceId'] },
  DescribeDisks: { ignored: ['OrderField', 'ReturnBindAutoSnapshotPolicy'] },
  DescribeSnapshots: { ignored: ['OrderField'] },
  ModifyDiskAttributes: { ignored: ['ProjectId'], refused: ['BurstPerformanceOperation', 'DiskType', 'Portable'] },
};
