import { type Image, type Snapshot } from '../state/records';
import { isMainland, isRegion } from '../vpc/regions';
import { type Action, type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { scheduleCopy } from '../cbs/snapshots';
import { requireFreeName, requireImage, requireImageQuota, requireShortName } from './images';

interface SyncRequest {
  readonly ImageIds: readonly string[];
  readonly DestinationRegions: readonly string[];
  readonly ImageName?: string;
  readonly DryRun?: boolean;
  readonly ImageSetRequired?: boolean;
  readonly Encrypt?: boolean;
}

/**
 * Copies an image, with its snapshot, SYNCING until it is NORMAL: one's own to other regions, or encrypted within the region;
 * one that another account shares, into the account, within the region.
 */
export const syncImages: Action = (call) => {
  const { world, account, region } = call;
  const request = call.params as SyncRequest;
  const [id = '', another] = request.ImageIds;
  if (another !== undefined) throw new ApiError('InvalidImageId.TooLarge', 'Only one image can be copied in one call.');
  const image = requireImage(world, account, region, id);
  requireCopyable(image);
  const destinations = [...new Set(request.DestinationRegions)];
  if (destinations.length === 0)
    throw new ApiError('MissingParameter', 'The request is missing a required parameter `DestinationRegions`.');
  const name = (request.ImageName ?? '') === '' ? image.name : request.ImageName!;
  requireShortName(name, 'InvalidParameterValue.LimitExceeded');
  for (const destination of destinations) {
    requireDestination(call, image, destination, request.Encrypt === true);
    requireFreeName(world, account, destination, name);
    requireImageQuota(world, account, destination);
  }
  if (request.DryRun === true) return { ImageSet: [] };
  const hiddenUntil = world.hiddenUntil(call.lag());
  const copies = destinations.map((destination) => {
    const copy = putCopy(call, image, { name, destination, hiddenUntil, encrypt: request.Encrypt === true });
    return { ImageId: copy.id, Region: destination };
  });
  if (world.switches.syncingShowsOnSource && image.account === account) showOnSource(call, image);
  return { ImageSet: request.ImageSetRequired === true ? copies : [] };
};

function requireCopyable(image: Image): void {
  // Public images belong to nobody who could copy them.
  if (image.snapshots.length === 0)
    throw new ApiError('InvalidParameterValue.InvalidImageId', `\`${image.id}\` is a public image.`);
  if (image.state !== 'NORMAL')
    throw new ApiError(
      'InvalidImageId.IncorrectState',
      `The image \`${image.id}\` is in the state \`${image.state}\`.`,
    );
  if (image.snapshots.some((snapshot) => snapshot.usage === 'DATA_DISK'))
    throw new ApiError('InvalidParameter.InstanceImageNotSupport', 'Whole-instance images cannot be copied.');
  if (image.encrypted)
    throw new ApiError('UnsupportedOperation.EncryptedImagesNotSupported', 'Encrypted images cannot be copied.');
}

function requireDestination(call: Call, image: Image, destination: string, encrypt: boolean): void {
  if (!isRegion(destination))
    throw new ApiError('InvalidRegion.NotFound', `The region \`${destination}\` does not exist.`);
  const within = encrypt || image.account !== call.account;
  if (within !== (destination === call.region)) {
    throw new ApiError(
      'InvalidParameterValue.InvalidRegion',
      within
        ? 'A shared image, or an encrypted copy, can be copied within its region only.'
        : 'The destination is the region of the image.',
    );
  }
  if (!call.world.switches.copiesCrossBorder && isMainland(destination) !== isMainland(call.region)) {
    throw new ApiError(
      'InvalidRegion.Unavailable',
      'Copies between mainland China and other regions have to be asked for in a ticket.',
    );
  }
}

interface Copy {
  readonly name: string;
  readonly destination: string;
  readonly hiddenUntil: number;
  readonly encrypt: boolean;
}

function putCopy(call: Call, image: Image, { name, destination, hiddenUntil, encrypt }: Copy): Image {
  const { world, account } = call;
  const id = world.newId('img');
  const doneAt = world.now() + world.duration('copy', id, image.size);
  const alone = { ImageIds: [image.id], DestinationRegions: [destination], ImageName: name };
  const result = call.outcome('image-fails', alone)
    ? 'failed'
    : call.outcome('image-never-finishes', alone)
      ? 'stuck'
      : 'done';
  const common = { account, region: destination, createdAt: world.now(), hiddenUntil, doneAt, tags: {} };
  const snapshots = image.snapshots.map((part) => {
    const source = world.snapshots.must(part.id);
    const copied: Snapshot = {
      ...source,
      ...common,
      id: world.newId('snap'),
      copied: true,
      encrypted: source.encrypted || encrypt,
      state: 'COPYING_FROM_REMOTE',
      imageIds: [id],
      groupId: null,
      shares: [],
    };
    world.snapshots.put(copied);
    scheduleCopy(world, copied.id, doneAt);
    return { ...part, id: copied.id };
  });
  world.schedule(doneAt, 'image.done', id, call.requestId, { result });
  return world.images.put({
    ...image,
    ...common,
    id,
    name,
    snapshots,
    shares: [],
    family: world.switches.copiesKeepFamily ? image.family : '',
    encrypted: encrypt,
    // Key pairs belong to a region.
    keyIds: destination === image.region && image.account === account ? image.keyIds : [],
    instanceId: null,
    state: 'SYNCING',
  });
}

/** The source is let go of when the last copy is there. */
function showOnSource(call: Call, image: Image): void {
  const { world } = call;
  let doneAt = 0;
  for (const happening of world.happenings.all())
    if (happening.type === 'image.done' && happening.operation === call.requestId)
      doneAt = Math.max(doneAt, happening.at);
  world.images.update(image.id, { state: 'SYNCING', doneAt });
  world.schedule(doneAt, 'image.done', image.id, call.requestId, { result: 'done' });
}
