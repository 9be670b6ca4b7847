import { type BuildActivities, isSnapshotName, ofImage } from '../contract';
import { checkSnapshots, checkSource } from './allowed';
import { candidateTags } from './cloud/release-tags';
import type { Image } from './cloud/cloud';
import type { Goal } from './engine/goal';
import type { StepRun } from './engine/run';
import { listed, noLongerOurs, step } from './engine/step';
import { checkNotMade } from './made-before';
import { goneSnapshot } from './snapshot-disks';
import { checkStillDown } from './source-instance';

type Input = Parameters<BuildActivities['createImage']>[0];
type Output = Awaited<ReturnType<BuildActivities['createImage']>>;

/**
 * Asks for the image, from the stopped instance or from snapshots; `pollImage` waits for it.
 *
 * CVM CreateImage has no ClientToken, but an image's name is unique in its region. So the exact name is looked up first:
 * an image with this build's tag is adopted (one that is CREATEFAILED, or of an earlier try, is deleted first), anybody
 * else's is a conflict. A stopped instance must be down before and after the call.
 * `InvalidImageName.Duplicate` means looking again.
 */
export const createImage = step<Input, Output>('step', async (run, input) => {
  const { name, from, generation } = input;
  if (from.kind === 'instance') await checkSource(run);
  else await checkSnapshots(run, from.snapshotIds);
  await checkNotMade(run);
  const byName = () => run.cloud.imageByName(name);
  const before = await run.patiently(`image ${name}`, byName);
  const useless = before?.ImageState === 'CREATEFAILED' || !run.isOf(generation, before?.Tags);
  if (before && useless && run.mayRemove(before.Tags)) {
    await run.achieve(goneImage(run, before.ImageId!, { withSnapshots: from.kind === 'instance' }));
  }

  const taken = before !== undefined && !useless;
  if (from.kind === 'instance' && !taken) await checkStillDown(run);
  let made: string | undefined;
  const image = await run.achieve<Pick<Image, 'ImageId' | 'Tags' | 'ImageState'>>({
    title: `image ${name}`,
    look: byName,
    judge: (seen) => {
      if (!seen) return { is: 'act' };
      if (seen.ImageId === made || run.isOf(generation, seen.Tags)) return { is: 'done' };
      return {
        is: 'wrong',
        code: 'InvalidImageName.Duplicate',
        message: `the name ${name} belongs to image ${seen.ImageId ?? ''}, which is not of this build${run.owns(seen.Tags) ? "'s current try" : ''}`,
        advice: 'Choose another image name, or put {date} and {time} into it.',
      };
    },
    act: {
      action: 'CreateImage',
      repeatable: false,
      call: async () => {
        const { ImageId } = await run.cloud.call('cvm', 'CreateImage', imageRequest(run, input));
        made = ImageId;
        if (made !== undefined) run.remember({ type: 'image', id: made, fate: 'made', note: name });
        return ImageId === undefined ? undefined : { ImageId };
      },
      lookAgain: /^InvalidImageName\.Duplicate/,
    },
  });
  const adopted = image!.ImageId !== made;
  if (from.kind === 'instance' && !(adopted && run.ofEarlierRun)) await checkStillDown(run);
  return { imageId: image!.ImageId!, adopted };
});

/** The CreateImage request that makes this image. */
export function imageRequest(run: StepRun, input: Input) {
  const { build, generation, name, description, family, tags, candidate, sysprep, from } = input;
  const marks = candidate === undefined ? {} : candidateTags(run, candidate);
  return {
    ImageName: name,
    ...(description === undefined ? {} : { ImageDescription: description }),
    ...(family === undefined ? {} : { ImageFamily: family }),
    TagSpecification: [{ ResourceType: 'image', Tags: run.tags({ ...tags, ...marks }, generation) }],
    ...(from.kind === 'instance'
      ? {
          InstanceId: build.instanceId,
          ...(from.dataDiskIds.length > 0 ? { DataDiskIds: from.dataDiskIds } : {}),
          // The API wants these two as strings. The instance is stopped already.
          ForcePoweroff: 'false',
          Sysprep: String(sysprep),
        }
      : { SnapshotIds: from.snapshotIds }),
  };
}

/**
 * An image that is to be gone. CVM DeleteImages refuses one that is CREATING (InvalidImageId.IncorrectState), so that is
 * waited for.
 *
 * @param options.withSnapshots also the snapshots bound to it (DeleteBindedSnap): those that the cloud made for it
 */
export function goneImage(run: StepRun, id: string, options: { withSnapshots: boolean }): Goal<Image> {
  return {
    title: `image ${id}`,
    look: () => run.cloud.images.look(id),
    watch: () => ({ on: run.cloud.images, id }),
    judge: (seen) => {
      if (!seen) {
        run.gone(id);
        return { is: 'done' };
      }
      run.remember({ type: 'image', id, fate: 'leftover', note: seen.ImageName ?? '' });
      const going = seen.ImageState === 'CREATING' || seen.ImageState === 'SYNCING';
      return going
        ? { is: 'going', waitingFor: `image ${id}: ${seen.ImageState ?? ''}, not to be deleted yet` }
        : { is: 'act' };
    },
    act: {
      action: 'DeleteImages',
      repeatable: true,
      call: async () => {
        await run.cloud.call('cvm', 'DeleteImages', { ImageIds: [id], DeleteBindedSnap: options.withSnapshots });
        return undefined;
      },
      lookAgain: /^InvalidImageId\.(NotFound|IncorrectState)/,
    },
  };
}

type UndoInput = Parameters<BuildActivities['undoCreateImage']>[0];
type UndoOutput = Awaited<ReturnType<BuildActivities['undoCreateImage']>>;

/**
 * Deletes the build's image, also one that is CREATEFAILED or whose ID was never told: it is found by its exact name and
 * must carry the build's tag. The snapshots that the cloud made for it go with it; those it was made from have an undo of
 * their own. An image that is tagged as kept stays, and is listed so.
 */
export const undoCreateImage = step<UndoInput, UndoOutput>('undo', async (run, input) => {
  const { name, known, inputSnapshotIds, unknownOutcome, keep } = input;
  const inputs = new Set(inputSnapshotIds);
  const stays = ({ Tags }: Image) => keep === true || run.isKept(Tags);
  /** Snapshots that the cloud made for an image, with whether that stays. */
  const implicit = new Map<string, boolean>();
  const { removed, kept, foreign } = await run.clear<Image>({
    title: 'image of the build',
    find: async () => {
      const named = await run.cloud.imageByName(name);
      const byId = await Promise.all(known.map((id) => run.cloud.images.look(id)));
      const ours = [named, ...byId].filter((image) => image !== undefined).filter((image) => run.owns(image.Tags));
      for (const image of ours) {
        for (const { SnapshotId } of image.SnapshotSet ?? []) {
          if (!SnapshotId || inputs.has(SnapshotId)) continue;
          // A build that was reset does not know yet what an earlier run made the image from.
          if (isSnapshotName((await run.cloud.snapshots.look(SnapshotId))?.SnapshotName)) inputs.add(SnapshotId);
          else implicit.set(SnapshotId, stays(image));
        }
      }
      return [...new Map(ours.map((image) => [image.ImageId, image])).values()];
    },
    idOf: ({ ImageId }) => ImageId!,
    keep: stays,
    goal: (id) => goneImage(run, id, { withSnapshots: inputs.size === 0 }),
    known,
    unknownOutcome,
    byId: (id) => run.cloud.images.look(id),
  });
  for (const { SnapshotSet = [] } of foreign) {
    for (const { SnapshotId } of SnapshotSet) if (SnapshotId && !inputs.has(SnapshotId)) implicit.set(SnapshotId, true);
  }
  const bound = (stay: boolean) => [...implicit].filter(([, stays]) => stays === stay).map(([id]) => id);
  // DeleteBindedSnap should have seen to them; a Describe proves it.
  await run.achieveAll(bound(false).map((id) => goneSnapshot(run, id)));
  return {
    resources: [
      ...listed('image', removed, 'deleted', name),
      ...listed('image', kept, 'kept', name),
      ...listed(
        'image',
        foreign.map(({ ImageId }) => ImageId!),
        'kept',
        noLongerOurs,
      ),
      ...listed('snapshot', bound(false), 'deleted', ofImage),
      ...listed('snapshot', bound(true), 'kept', ofImage),
    ],
  };
});
