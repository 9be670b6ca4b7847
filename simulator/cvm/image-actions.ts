import { type Image } from '../state/records';
import { type Action } from '../wire/action';
import { ApiError } from '../wire/errors';
import { type Filter, type FilterKeys, matcher, page, tagKeys } from '../wire/filters';
import { characters, isoTime } from '../wire/formats';
import {
  publicOwner,
  removeImage,
  requireFreeName,
  requireImage,
  requireImageQuota,
  visibleImages,
  wireImage,
} from './images';
import { isRegion } from '../vpc/regions';
import { instanceTypes } from './instance-types';

interface DescribeImagesRequest {
  readonly ImageIds?: readonly string[];
  readonly Filters?: readonly Filter[];
  readonly Offset?: number;
  readonly Limit?: number;
  readonly InstanceType?: string;
}

/** The images that the account sees and that match, newest first. */
export const describeImages: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as DescribeImagesRequest;
  const ids = request.ImageIds ?? [];
  const filters = request.Filters ?? [];
  if (ids.length > 0 && filters.length > 0) {
    throw new ApiError(
      'InvalidParameter.InvalidParameterCoexistImageIdsFilters',
      '`ImageIds` and `Filters` cannot be used together.',
    );
  }
  const malformed = ids.find((id) => !/^img-[0-9a-z]{8}$/.test(id));
  if (malformed !== undefined)
    throw new ApiError('InvalidImageId.Malformed', `The image ID \`${malformed}\` is malformed.`);
  if ((request.InstanceType ?? '') !== '' && !instanceTypes.has(request.InstanceType!)) {
    throw new ApiError(
      'InvalidParameterValue.InstanceTypeNotFound',
      `The instance type \`${request.InstanceType!}\` does not exist.`,
    );
  }
  const typeOf = (image: Image): string =>
    image.account === publicOwner ? 'PUBLIC_IMAGE' : image.account === account ? 'PRIVATE_IMAGE' : 'SHARED_IMAGE';
  const keys: FilterKeys<Image> = {
    ...tagKeys,
    'image-id': (image, value) => image.id === value,
    'image-type': (image, value) => typeOf(image) === value,
    // Fuzzy, as in the real cloud: a client has to compare the names that come back.
    'image-name': (image, value) => image.name.toLowerCase().includes(value.toLowerCase()),
    platform: (image, value) => image.system.platform.toLowerCase().includes(value.toLowerCase()),
    'dedicated-cluster-id': () => false,
    'cdc-cache-status': () => false,
  };
  const matches = matcher(filters, keys, { values: 5, code: 'InvalidFilterValue.LimitExceeded' });
  const now = world.now();
  const rows = visibleImages(world, account, region, ids).filter(matches);
  const shown = page(rows, request, 'InvalidParameterValue.InvalidParameterValueLimit');
  return { ImageSet: shown.map((image) => wireImage(image, account, now)), TotalCount: rows.length };
};

/** The youngest image of the family that can be launched and is not deprecated; null when there is none. */
export const describeImageFromFamily: Action = (call) => {
  const { world, account, region } = call;
  const family = (call.params as { ImageFamily?: string }).ImageFamily ?? '';
  if (family === '')
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `ImageFamily`.');
  const [image] = world.images
    .shown(account, region, [], world.now())
    .filter((candidate) => candidate.family === family && candidate.state === 'NORMAL' && !candidate.deprecated);
  return { Image: image === undefined ? null : wireImage(image, account, world.now()) };
};

interface DeleteImagesRequest {
  readonly ImageIds: readonly string[];
  readonly DeleteBindedSnap?: boolean;
  readonly DryRun?: boolean;
}

/** Deletes custom images that are settled and shared with no one; all of them or none. */
export const deleteImages: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as DeleteImagesRequest;
  if (request.ImageIds.length === 0)
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `ImageIds`.');
  const images = [...new Set(request.ImageIds)].map((id) => {
    const image = requireImage(world, account, region, id);
    if (image.account === publicOwner)
      throw new ApiError('InvalidParameterValue.InvalidImageId', `\`${id}\` is a public image.`);
    if (image.account !== account) {
      throw new ApiError(
        'InvalidParameterValue.InvalidImageIdIsShared',
        `The image \`${id}\` belongs to another account.`,
      );
    }
    if (image.state !== 'NORMAL' && image.state !== 'CREATEFAILED') {
      throw new ApiError('InvalidImageId.IncorrectState', `The image \`${id}\` is in the state \`${image.state}\`.`);
    }
    if (image.shares.length > 0)
      throw new ApiError('InvalidImageId.InShared', `The image \`${id}\` is shared with other accounts.`);
    return image;
  });
  if (request.DryRun !== true) for (const image of images) removeImage(world, image, request.DeleteBindedSnap === true);
  return {};
};

interface ModifyImageRequest {
  readonly ImageId: string;
  readonly ImageName?: string;
  readonly ImageDescription?: string;
  readonly ImageFamily?: string;
  readonly ImageDeprecated?: boolean;
}

/** Name, description, family, deprecation. */
export const modifyImageAttribute: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as ModifyImageRequest;
  const image = requireImage(world, account, region, request.ImageId);
  if (image.account !== account || image.shares.length > 0) {
    throw new ApiError(
      'UnsupportedOperation.SharedImageModifyUnsupported',
      `The image \`${image.id}\` is shared and cannot be changed.`,
    );
  }
  const name = request.ImageName ?? '';
  if (name !== '') requireFreeName(world, account, region, name, image.id);
  if (characters(request.ImageDescription ?? '') > 256) {
    throw new ApiError('InvalidParameterValue.TooLarge', 'The image description exceeds 256 characters.');
  }
  world.images.update(image.id, {
    name: name === '' ? image.name : name,
    description: request.ImageDescription ?? image.description,
    family: request.ImageFamily ?? image.family,
    deprecated: request.ImageDeprecated ?? image.deprecated,
  });
  return {};
};

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
  if (shares.length > 500) throw new ApiError('OverQuota', 'An image can be shared with at most 500 accounts.');
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

interface SyncRequest {
  readonly ImageIds: readonly string[];
  readonly DestinationRegions: readonly string[];
  readonly ImageName?: string;
  readonly DryRun?: boolean;
  readonly ImageSetRequired?: boolean;
  readonly Encrypt?: boolean;
}

/** Copies an image, with its snapshot, to other regions: SYNCING there until it is NORMAL. */
export const syncImages: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as SyncRequest;
  const [id = '', another] = request.ImageIds;
  if (another !== undefined) throw new ApiError('InvalidImageId.TooLarge', 'Only one image can be copied in one call.');
  const image = requireImage(world, account, region, id);
  if (image.account !== account)
    throw new ApiError('InvalidParameterValue.InvalidImageId', `\`${id}\` is not an image of this account.`);
  if (request.Encrypt === true) {
    throw new ApiError(
      'UnsupportedOperation.SyncEncryptImageNotSupport',
      'the simulator does not make encrypted copies',
    );
  }
  if (image.state !== 'NORMAL')
    throw new ApiError('InvalidImageId.IncorrectState', `The image \`${id}\` is in the state \`${image.state}\`.`);
  if (image.snapshots.some((snapshot) => snapshot.usage === 'DATA_DISK')) {
    throw new ApiError('InvalidParameter.InstanceImageNotSupport', 'Whole-instance images cannot be copied.');
  }
  const name = (request.ImageName ?? '') === '' ? image.name : request.ImageName!;
  for (const destination of request.DestinationRegions) {
    if (!isRegion(destination))
      throw new ApiError('InvalidRegion.NotFound', `The region \`${destination}\` does not exist.`);
    if (destination === region)
      throw new ApiError('InvalidParameterValue.InvalidRegion', 'The destination is the region of the image.');
    requireFreeName(world, account, destination, name);
    requireImageQuota(world, account, destination);
  }
  if (request.DryRun === true) return { ImageSet: [] };
  const hiddenUntil = world.hiddenUntil(call.lag());
  const copies = [...new Set(request.DestinationRegions)].map((destination) => {
    const copy = world.newId('img');
    const doneAt = world.now() + world.duration('copy', copy, image.size);
    const common = { region: destination, createdAt: world.now(), hiddenUntil, doneAt };
    const snapshots = image.snapshots.map((part) => {
      const source = world.snapshots.must(part.id);
      const snapshotId = world.newId('snap');
      const tags = {};
      world.snapshots.put({
        ...source,
        ...common,
        id: snapshotId,
        tags,
        copied: true,
        state: 'COPYING_FROM_REMOTE',
        imageIds: [copy],
        groupId: null,
        shares: [],
      });
      world.schedule(doneAt, 'snapshot.done', snapshotId, '');
      return { ...part, id: snapshotId };
    });
    const tags = {};
    world.images.put({
      ...image,
      ...common,
      id: copy,
      name,
      tags,
      snapshots,
      shares: [],
      // Key pairs belong to a region.
      keyIds: [],
      instanceId: null,
      state: 'SYNCING',
    });
    world.schedule(doneAt, 'image.done', copy, call.requestId, { result: 'done' });
    return { ImageId: copy, Region: destination };
  });
  return { ImageSet: request.ImageSetRequired === true ? copies : [] };
};
