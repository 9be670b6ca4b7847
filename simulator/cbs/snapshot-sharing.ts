import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { chinaTime } from '../wire/formats';
import { requireSnapshots } from './snapshot-actions';
import { ownSnapshot } from './snapshots';

const mostAccounts = 50;

interface ShareRequest {
  readonly SnapshotIds: readonly string[];
  readonly AccountIds: readonly string[];
  readonly Permission: string;
}

/** Shares data-disk snapshots with other accounts of the region, or takes that back. All of them or none. */
const modifySnapshotsSharePermission: Action = (call) => {
  const { world } = call;
  const request = call.params as ShareRequest;
  if (request.Permission !== 'SHARE' && request.Permission !== 'CANCEL')
    throw new ApiError('InvalidParameter', '`Permission` must be SHARE or CANCEL.');
  checkAccounts(call, request.AccountIds);
  const snapshots = requireSnapshots(call, request.SnapshotIds);
  const next = snapshots.map((snapshot) => {
    if (snapshot.usage !== 'DATA_DISK' || snapshot.state !== 'NORMAL' || snapshot.encrypted) {
      throw new ApiError(
        'InvalidSnapshot.NotSupported',
        `The snapshot \`${snapshot.id}\` is not a finished, unencrypted snapshot of a data disk.`,
      );
    }
    const others = snapshot.shares.filter((share) => !request.AccountIds.includes(share.account));
    if (request.Permission === 'CANCEL') return others;
    const added = [...new Set(request.AccountIds)].map((account) => {
      const before = snapshot.shares.find((share) => share.account === account);
      return before ?? { account, at: world.now() };
    });
    const shares = [...others, ...added];
    if (shares.length > mostAccounts) {
      throw new ApiError(
        'ResourceInsufficient.OverQuota',
        `A snapshot can be shared with at most ${mostAccounts} accounts.`,
      );
    }
    return shares;
  });
  snapshots.forEach((snapshot, index) => world.snapshots.update(snapshot.id, { shares: next[index]! }));
  return {};
};

function checkAccounts(call: Call, ids: readonly string[]): void {
  for (const id of ids) {
    if (id === call.account)
      throw new ApiError('InvalidParameter', 'A snapshot cannot be shared with its own account.');
    if (call.world.accounts.get(id) === undefined)
      throw new ApiError('InvalidParameter', `The account \`${id}\` does not exist.`);
  }
}

const describeSnapshotSharePermission: Action = (call) => {
  const { SnapshotId: id } = call.params as { SnapshotId: string };
  const snapshot = ownSnapshot(call.world, call.account, call.region, id);
  if (snapshot === undefined) throw new ApiError('InvalidParameterValue', `The snapshot \`${id}\` does not exist.`);
  return {
    SharePermissionSet: snapshot.shares.map((share) => ({
      CreatedTime: chinaTime(share.at),
      AccountId: share.account,
    })),
  };
};

/** What the simulator serves of CBS, as to the sharing of snapshots. */
export const sharingActions: Readonly<Record<string, Action>> = {
  ModifySnapshotsSharePermission: modifySnapshotsSharePermission,
  DescribeSnapshotSharePermission: describeSnapshotSharePermission,
};
