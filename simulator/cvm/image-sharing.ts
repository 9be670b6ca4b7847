import { type Image } from '../state/records';
import { type Action } from '../wire/action';
import { ApiError } from '../wire/errors';
import { isoTime } from '../wire/formats';
import { requireImage } from './images';

interface ShareRequest {
  readonly ImageId: string;
  readonly AccountIds: readonly string[];
  readonly Permission: string;
}

/** Shares an image with other root accounts of the region, or takes it back. */
export const modifyImageSharePermission: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as ShareRequest;
  const image = ownImage(world, account, region, request.ImageId);
  if (image.state !== 'NORMAL') {
    throw new ApiError(
      'InvalidParameterValue.InvalidImageState',
      `The image \`${image.id}\` is in the state \`${image.state}\`.`,
    );
  }
  if (image.snapshots.some((snapshot) => snapshot.usage === 'DATA_DISK')) {
    throw new ApiError('InvalidParameter.InstanceImageNotSupport', 'Whole-instance images cannot be shared.');
  }
  if (request.Permission !== 'SHARE' && request.Permission !== 'CANCEL') {
    throw new ApiError('InvalidParameterValue', '`Permission` must be SHARE or CANCEL.');
  }
  if (image.encrypted)
    throw new ApiError('UnsupportedOperation.EncryptedImagesNotSupported', 'Encrypted images cannot be shared.');
  for (const id of request.AccountIds) {
    if (id === account)
      throw new ApiError('FailedOperation.AccountIsYourSelf', 'An image cannot be shared with its own account.');
    if (world.accounts.get(id) === undefined)
      throw new ApiError('InvalidAccountId.NotFound', `The account \`${id}\` does not exist.`);
    if (request.Permission === 'SHARE' && image.shares.some((share) => share.account === id)) {
      throw new ApiError('FailedOperation.AccountAlreadyExists', `The image is already shared with \`${id}\`.`);
    }
  }
  const others = image.shares.filter((share) => !request.AccountIds.includes(share.account));
  const added = request.AccountIds.map((id) => ({ account: id, at: world.now() }));
  const shares = request.Permission === 'SHARE' ? [...others, ...added] : others;
  const most = world.switches.imageShareLimit;
  if (shares.length > most) throw new ApiError('OverQuota', `An image can be shared with at most ${most} accounts.`);
  world.images.update(image.id, { shares });
  return {};
};

/** Whom an image is shared with. */
export const describeImageSharePermission: Action = (call) => {
  const image = ownImage(call.world, call.account, call.region, (call.params as { ImageId: string }).ImageId);
  return {
    SharePermissionSet: image.shares.map((share) => ({ CreatedTime: isoTime(share.at), AccountId: share.account })),
  };
};

function ownImage(...[world, account, region, id]: Parameters<typeof requireImage>): Image {
  const image = requireImage(world, account, region, id);
  if (image.account !== account) {
    throw new ApiError(
      'UnauthorizedOperation.ImageNotBelongToAccount',
      `The image \`${id}\` does not belong to the account.`,
    );
  }
  return image;
}
