import { type Image } from '../state/records';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { type Filter, type FilterKeys, matcher, page, tagKeys } from '../wire/filters';
import { characters } from '../wire/formats';
import {
  publicOwner,
  removeImage,
  requireFamily,
  requireFreeName,
  requireImage,
  requireShortName,
  visibleImages,
  wireImage,
} from './images';
import { instanceTypes } from './instance-types';

interface DescribeImagesRequest {
  readonly ImageIds?: readonly string[];
  readonly Filters?: readonly Filter[];
  readonly Offset?: number;
  readonly Limit?: number;
  readonly InstanceType?: string;
}

/** The images that the account sees and that match, in no order, or newest first. */
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
  if (ids.length > 100)
    throw new ApiError('InvalidParameterValue.LimitExceeded', 'The number of `ImageIds` exceeds the limit `100`.');
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
  // IDs are drawn by lot: their order has nothing to do with age or name.
  if (world.switches.imagesInNoOrder) rows.sort((left, right) => (left.id < right.id ? -1 : 1));
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

/** Deletes custom images that are settled and shared with no one; in order up to the first other one, or all or none. */
export const deleteImages: Action = (call) => {
  const { world } = call;
  const request = call.params as DeleteImagesRequest;
  if (request.ImageIds.length === 0)
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `ImageIds`.');
  const ids = [...new Set(request.ImageIds)];
  const remove = (image: Image): void => removeImage(world, image, request.DeleteBindedSnap === true);
  if (request.DryRun !== true && world.switches.deleteImagesOneByOne) {
    for (const [index, id] of ids.entries()) {
      try {
        remove(deletable(call, id));
      } catch (error) {
        if (error instanceof ApiError) error.afterChanges = index > 0;
        throw error;
      }
    }
    return {};
  }
  const images = ids.map((id) => deletable(call, id));
  if (request.DryRun !== true) images.forEach(remove);
  return {};
};

function deletable({ world, account, region }: Call, id: string): Image {
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
}

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
  if (image.state !== 'NORMAL')
    throw new ApiError(
      'InvalidImageId.IncorrectState',
      `The image \`${image.id}\` is in the state \`${image.state}\`.`,
    );
  requireFamily(request.ImageFamily ?? '');
  const name = request.ImageName ?? '';
  requireShortName(name);
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
