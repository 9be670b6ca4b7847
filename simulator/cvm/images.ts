import { type Happening, type Image } from '../state/records';
import { type Reaction, type World } from '../state/world';
import { ApiError } from '../wire/errors';
import { characters, isoTime, tagList } from '../wire/formats';
import { percentDone, removeSnapshot } from '../cbs/snapshots';
import { endOperation } from './instances';
import { restart } from './power';

/** The owner of the images that everybody sees, in every region. */
export const publicOwner = 'public';

/** Custom images that an account may have in a region. */
export function imageQuota(world: World, region: string): number {
  return world.settings.get(`imageQuota/${region}`)?.value ?? 10;
}

/** Whether an image is visible to the account in the region: its own, public, or shared with it. */
export function isVisible(image: Image, account: string, region: string): boolean {
  if (image.account === publicOwner) return true;
  if (image.region !== region) return false;
  return image.account === account || image.shares.some((share) => share.account === account);
}

/** The images that describes show to an account in a region: its own, youngest first, those shared with it, public ones. */
export function visibleImages(world: World, account: string, region: string, ids: readonly string[]): Image[] {
  const now = world.now();
  const others = [...world.accounts.all()].filter((owner) => owner.id !== account);
  return [
    ...world.images.shown(account, region, ids, now),
    ...others.flatMap((owner) =>
      world.images.shown(owner.id, region, ids, now).filter((image) => isVisible(image, account, region)),
    ),
    ...world.images.shown(publicOwner, '', ids, now),
  ];
}

/** The image that an action names; throws for a malformed or unknown ID. */
export function requireImage(world: World, account: string, region: string, id: string): Image {
  if (!/^img-[0-9a-z]{8}$/.test(id))
    throw new ApiError('InvalidImageId.Malformed', `The image ID \`${id}\` is malformed.`);
  const image = world.images.get(id);
  if (image === undefined || !isVisible(image, account, region)) {
    throw new ApiError('InvalidImageId.NotFound', `The image \`${id}\` does not exist.`);
  }
  return image;
}

/** Refuses a family name of another form. */
export function requireFamily(family: string): void {
  if (family !== '' && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(family))
    throw new ApiError('InvalidParameterValue.InvalidImageFamily', `The image family \`${family}\` is not valid.`);
}

/** Refuses a name that is too long. Actions differ in the code that they have for it. */
export function requireShortName(name: string, code = 'InvalidParameterValue.TooLarge'): void {
  if (characters(name) > 60) throw new ApiError(code, 'The image name exceeds 60 characters.');
}

/** Refuses a name that another image of the account in the region has. */
export function requireFreeName(world: World, account: string, region: string, name: string, except?: string): void {
  for (const image of world.images.in(account, region)) {
    if (image.name === name && image.id !== except) {
      throw new ApiError('InvalidImageName.Duplicate', `The image name \`${name}\` already exists.`);
    }
  }
}

/** Refuses when the region is full. Images that are still CREATING, or have failed, count. */
export function requireImageQuota(world: World, account: string, region: string): void {
  const quota = imageQuota(world, region);
  if (world.images.countIn(account, region) >= quota) {
    throw new ApiError('ImageQuotaLimitExceeded', `The number of custom images has reached the quota \`${quota}\`.`);
  }
}

/** An image as CVM writes it, to one of the accounts that see it. */
export function wireImage(image: Image, account: string, now: number): object {
  const type =
    image.account === publicOwner ? 'PUBLIC_IMAGE' : image.account === account ? 'PRIVATE_IMAGE' : 'SHARED_IMAGE';
  return {
    ImageId: image.id,
    OsName: image.system.osName,
    ImageType: type,
    CreatedTime: isoTime(image.createdAt),
    ImageName: image.name,
    ImageDescription: image.description,
    ImageSize: image.size,
    Architecture: image.system.architecture,
    ImageState: image.state,
    Platform: image.system.platform,
    ImageCreator: image.account === publicOwner ? 'Tencent Cloud' : image.account,
    ImageSource: image.source,
    SyncPercent: image.state === 'SYNCING' ? percentDone(image.createdAt, image.doneAt, now) : null,
    IsSupportCloudinit: true,
    SnapshotSet: image.snapshots.map((snapshot) => ({
      SnapshotId: snapshot.id,
      DiskUsage: snapshot.usage,
      DiskSize: snapshot.size,
    })),
    Tags: type === 'PRIVATE_IMAGE' ? tagList(image.tags) : [],
    LicenseType: 'TencentCloud',
    ImageFamily: image.family,
    ImageDeprecated: image.deprecated,
  };
}

/** Removes an image and unbinds its snapshots; deletes those too when asked, as far as nothing else holds them. */
export function removeImage(world: World, image: Image, withSnapshots: boolean): void {
  for (const { id } of image.snapshots) {
    const snapshot = world.snapshots.get(id);
    if (snapshot === undefined) continue;
    const imageIds = snapshot.imageIds.filter((other) => other !== image.id);
    if (withSnapshots && imageIds.length === 0 && snapshot.shares.length === 0) removeSnapshot(world, snapshot);
    else world.snapshots.update(id, { imageIds });
  }
  world.images.delete(image.id);
}

/** What becomes of images when the time has come. */
export const imageReactions: Readonly<Record<string, Reaction>> = {
  'image.done': (world, happening) => {
    const image = world.images.get(happening.target);
    if (image === undefined || (image.state !== 'CREATING' && image.state !== 'SYNCING')) return;
    const { result } = happening.data;
    if (result !== 'stuck') world.images.update(image.id, { state: result === 'failed' ? 'CREATEFAILED' : 'NORMAL' });
    releaseInstance(world, image, happening, result === 'failed');
  },
};

/** Brings an image to its end before its time, or one that would never end by itself. */
export function endImage(world: World, id: string, result: 'done' | 'failed'): void {
  const image = world.images.must(id);
  const due = [...world.happenings.all()].find(({ type, target }) => type === 'image.done' && target === id);
  if (due) {
    world.happenings.delete(due.id);
    imageReactions['image.done']!(world, { ...due, at: world.now(), data: { ...due.data, result } });
  } else world.images.update(image.id, { state: result === 'failed' ? 'CREATEFAILED' : 'NORMAL' });
}

/** The source instance is let go of when the copying is over, even if the image itself is never finished. */
function releaseInstance(world: World, image: Image, happening: Happening, failed: boolean): void {
  if (image.instanceId === null) return;
  const instance = world.instances.get(image.instanceId);
  world.images.update(image.id, { instanceId: null });
  if (instance?.operation?.requestId !== happening.operation) return;
  endOperation(
    world,
    instance.id,
    happening.operation,
    failed ? 'FAILED' : 'SUCCESS',
    failed ? 'The image could not be created.' : null,
  );
  if (happening.data.restart === true && instance.state === 'STOPPED') {
    restart(world, instance, happening.operation, happening.at);
  }
}
