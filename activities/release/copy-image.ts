import { ApplicationFailure } from '@temporalio/activity';
import { type DistributionActivities, ofImage, tagKeys } from '../../contract';
import { checkRegion } from '../allowed';
import type { Image } from '../cloud/cloud';
import { CloudError } from '../cloud/errors';
import { imageBusy } from '../cloud/images';
import { candidateTags, familyImage } from '../cloud/release-tags';
import { setTags, tagValue } from '../cloud/tags';
import { goneImage } from '../create-image';
import type { Goal } from '../engine/goal';
import type { StepRun } from '../engine/run';
import { listed, step } from '../engine/step';
import { imageFacts } from '../poll-image';
import { goneSnapshot } from '../snapshot-disks';
import { noLongerAnswers } from './answers';
import { isMarkedNow, wasCurrent } from './marks';

type InputOf<Name extends keyof DistributionActivities> = Parameters<DistributionActivities[Name]>[0];
type OutputOf<Name extends keyof DistributionActivities> = Awaited<ReturnType<DistributionActivities[Name]>>;

/**
 * Asks for copies of an image in other regions (CVM SyncImages) and marks them at once: of a run that is terminated then
 * nobody would find them otherwise. `followCopy` marks what could not be marked here, and waits for the copies.
 *
 * All regions go into one call, since an image that is being copied may take no other. One region that the cloud refuses
 * would spoil it for all, so each is tried first (DryRun), and one that is left out is asked for by itself later.
 *
 * SyncImages has no ClientToken and takes no tags. A copy is recognised by its name, which is unique in a region, and by its
 * build's tag; one without tags only when this step may have asked for it, and if it is like the image and made since then.
 */
export const copyImage = step<InputOf<'copyImage'>, OutputOf<'copyImage'>>('step', async (run, input) => {
  const copying = new Copying(run, input);
  const { regions } = input;
  if (regions.length === 1) {
    checkRegion(run, regions[0]!);
    const copies = await copying.into(regions);
    await copying.mark();
    return { copies, unheard: [] };
  }
  const acceptable = await copying.acceptable(regions);
  try {
    if (acceptable.length > 0) await copying.into(acceptable);
    await copying.mark();
  } catch (error) {
    // Which of them was refused will be seen when each is asked for by itself.
    if (!(error instanceof ApplicationFailure)) throw error;
  }
  return { copies: copying.found, unheard: acceptable.filter((region) => copying.isUnheard(region)) };
});

interface Copies {
  source: Image | undefined;
  /** Images of the wanted name, by region. */
  named: Map<string, Image>;
}

class Copying {
  /** The copies that are known, by region. */
  private readonly known = new Map<string, string>();
  /** Whether this attempt has asked for a copy without hearing what became of it. */
  private unheard = false;

  constructor(
    private readonly run: StepRun,
    private readonly input: InputOf<'copyImage'>,
  ) {}

  get found(): { region: string; imageId: string }[] {
    return [...this.known].map(([region, imageId]) => ({ region, imageId }));
  }

  /** Whether there may be a copy in the region of which this step has not been told. */
  isUnheard(region: string): boolean {
    return !this.known.has(region) && (this.unheard || this.run.retried);
  }

  /** Those of the regions that the cloud would copy to now, or has. */
  async acceptable(regions: string[]): Promise<string[]> {
    const { run } = this;
    const answers = await Promise.all(
      regions.map(async (region) => {
        try {
          checkRegion(run, region);
          await run.patiently(`whether ${region} takes a copy`, () => this.tryOut(region));
          return true;
        } catch (error) {
          if (!(error instanceof ApplicationFailure)) throw error;
          return false;
        }
      }),
    );
    return regions.filter((_, index) => answers[index]);
  }

  private async tryOut(region: string): Promise<void> {
    const { run } = this;
    // Its name is taken by the copy itself, when an earlier attempt has made it.
    const { source, named } = await this.look([region]);
    const copy = named.get(region);
    if (copy && this.isOurs(copy, source)) return;
    try {
      await run.cloud.dryRun('SyncImages', this.request([region]));
    } catch (error) {
      if (!(error instanceof CloudError) || !imageBusy.test(error.code)) throw error;
    }
  }

  /** Has the image copied into all of these regions. */
  async into(regions: string[]): Promise<{ region: string; imageId: string }[]> {
    const { run, input } = this;
    let missing: string[] = [];
    await run.achieve<Copies>({
      title: `copies of ${input.imageId} in ${regions.join(', ')}`,
      look: () => this.look(regions),
      judge: ({ source, named } = { source: undefined, named: new Map() }) => {
        for (const [region, image] of named) {
          if (this.known.has(region)) continue;
          if (!this.isOurs(image, source)) {
            return {
              is: 'wrong',
              code: 'InvalidImageName.Duplicate',
              message: `the name ${input.name} belongs to image ${image.ImageId ?? ''} in ${region}, which is no copy of this release`,
              advice: 'Delete or rename that image, and have the distribution tried again.',
            };
          }
          this.known.set(region, image.ImageId!);
        }
        missing = regions.filter((region) => !this.known.has(region));
        if (missing.length === 0) return { is: 'done' };
        if (!source) {
          return {
            is: 'missing',
            code: 'ImageGone',
            message: `image ${input.imageId} is gone: somebody has deleted it`,
          };
        }
        return source.ImageState === 'NORMAL'
          ? { is: 'act' }
          : {
              is: 'going',
              waitingFor: `image ${input.imageId}: ${source.ImageState ?? 'unknown'}, not to be copied yet`,
            };
      },
      watch: () => ({ on: run.cloud.images, id: input.imageId }),
      act: {
        action: 'SyncImages',
        repeatable: false,
        call: async () => {
          try {
            const { ImageSet = [] } = await run.cloud.call('cvm', 'SyncImages', this.request(missing));
            for (const { Region, ImageId } of ImageSet) if (Region && ImageId) this.known.set(Region, ImageId);
          } catch (error) {
            if (error instanceof CloudError && error.kind === 'transient') this.unheard = true;
            throw error;
          }
          return undefined;
        },
        // Another image bears the name: ours, of an answer that was lost, or somebody else's.
        lookAgain: new RegExp(`${imageBusy.source}|^InvalidImageName\\.Duplicate`),
      },
    });
    return this.found.filter(({ region }) => regions.includes(region));
  }

  /** Marks what is known as ours. Where the cloud does not take that now, it is for `followCopy` to say why. */
  async mark(): Promise<void> {
    const { run, input } = this;
    const { tags, marks } = input;
    if (!tags || !marks) return;
    const goals = this.found.map(({ region, imageId }) => markedCopy(run, region, { imageId, tags, marks }));
    await run.together(goals.map((goal) => () => isMarkedNow(run, goal)));
  }

  private async look(regions: string[]): Promise<Copies> {
    const { run, input } = this;
    const [source, ...named] = await Promise.all([
      run.cloud.images.look(input.imageId),
      ...regions.map((region) =>
        this.known.has(region) ? Promise.resolve(undefined) : run.cloudIn(region).imageByName(input.name),
      ),
    ]);
    const seen = regions.flatMap((region, index) => (named[index] ? [[region, named[index]] as const] : []));
    return { source, named: new Map(seen) };
  }

  private isOurs(image: Image, source: Image | undefined): boolean {
    return (
      this.run.owns(image.Tags) || ((this.run.retried || this.unheard) && isBareCopy(image, source, this.input.since))
    );
  }

  private request(regions: string[]) {
    const { imageId, name } = this.input;
    return { ImageIds: [imageId], DestinationRegions: regions, ImageName: name, ImageSetRequired: true };
  }
}

/** Whether an image that nobody has marked is like a copy of another, and was made since copies were first asked for. */
function isBareCopy(image: Image, source: Image | undefined, since: string): boolean {
  if (!source || tagValue(image.Tags, tagKeys.build) !== undefined) return false;
  const like = (['OsName', 'Platform', 'Architecture', 'ImageSize'] as const).every(
    (key) => image[key] === source[key],
  );
  // The cloud's times have whole seconds.
  return like && Date.parse(image.CreatedTime ?? '') >= Math.floor(Date.parse(since) / 1000) * 1000;
}

/** The tags of a copy: those of the image's build and of its family. Copies take none when they are made. */
const copyTags = (run: StepRun, { tags, marks }: Pick<InputOf<'followCopy'>, 'tags' | 'marks'>) => ({
  ...tags,
  ...candidateTags(run, marks),
  [tagKeys.build]: run.owner,
  // No build is open that it could be pending for; what is not promoted is a candidate, and goes as one.
  [tagKeys.state]: 'kept',
});

/**
 * Marks a copy as ours, while it is still SYNCING, and waits until it is NORMAL. Once it is marked, it is a candidate of its
 * family like any other: what becomes of it is decided by its tags.
 *
 * Whether a copy inherits the ImageFamily of its source is not documented. One that does would answer for the family before it
 * is promoted, so that is taken away with the first change that it allows.
 */
export const followCopy = step<InputOf<'followCopy'>, OutputOf<'followCopy'>>('step', async (run, input) => {
  const { imageId } = input;
  await run.achieve(markedCopy(run, run.build.region, input));
  const image = await run.achieve<Image>({
    title: `copy ${imageId}`,
    look: () => run.cloud.images.look(imageId),
    watch: () => ({ on: run.cloud.images, id: imageId }),
    judge: (seen) => {
      if (!seen) return copyGone(run.build.region, imageId);
      const { ImageState = 'unknown', SyncPercent } = seen;
      if (ImageState === 'NORMAL') return { is: 'done' };
      if (ImageState === 'CREATEFAILED') {
        return {
          is: 'wrong',
          code: 'ImageCopyFailed',
          message: `the cloud could not copy the image: ${imageId} is CREATEFAILED`,
        };
      }
      return { is: 'going', waitingFor: `copy ${imageId}: ${ImageState}`, percent: SyncPercent ?? undefined };
    },
  });
  const { family } = input.marks;
  const marked = familyImage(run, family, image!);
  if (marked && !wasCurrent(marked.state) && marked.answers) await run.achieve(silentCopy(run, family, imageId));
  return imageFacts(image!);
});

/** A copy that does not answer for the family. A look that was under way already may show it once more as being copied. */
const silentCopy = (run: StepRun, family: string, imageId: string): Goal<boolean> => ({
  title: `copy ${imageId}`,
  look: () => noLongerAnswers(run, family, imageId, []),
  judge: (silent) =>
    silent === true ? { is: 'done' } : { is: 'going', waitingFor: `copy ${imageId}: to take a change` },
});

const copyGone = (region: string, imageId: string) =>
  ({
    is: 'missing',
    code: 'ImageGone',
    message: `copy ${imageId} in ${region} is gone: somebody has deleted it`,
  }) as const;

/** A copy with its tags (TAG TagResources); the family's workflow finds it by them, so they must show. */
function markedCopy(run: StepRun, region: string, input: Omit<InputOf<'followCopy'>, 'build'>): Goal<Image> {
  const { imageId, marks } = input;
  const cloud = run.cloudIn(region);
  return {
    title: `tags of copy ${imageId}`,
    look: () => cloud.images.look(imageId),
    watch: () => ({ on: cloud.images, id: imageId }),
    judge: (seen, acted) => {
      if (!seen) return copyGone(region, imageId);
      const owner = tagValue(seen.Tags, tagKeys.build);
      if (owner !== undefined && !run.owns(seen.Tags)) {
        return { is: 'wrong', code: 'NotOurs', message: `${imageId} belongs to another build (${owner})` };
      }
      // A later attempt must not take back what has been promoted meanwhile.
      if (familyImage(run, marks.family, seen)) return { is: 'done' };
      return acted ? { is: 'going', waitingFor: `tags of copy ${imageId}: to show` } : { is: 'act' };
    },
    act: {
      action: 'TagResources',
      repeatable: true,
      call: async () => {
        await setTags(cloud, [{ type: 'image', id: imageId }], copyTags(run, input));
        return undefined;
      },
    },
  };
}

/**
 * Deletes the copy of an image in the region, also one that nobody was told of: by its name, and its tag or, when it may
 * have been asked for without an answer, its likeness to the image. A SYNCING image cannot be deleted, so its end is waited for. One that was promoted stays, and is listed so.
 */
export const undoCopyImage = step<InputOf<'undoCopyImage'>, OutputOf<'undoCopyImage'>>('undo', async (run, input) => {
  const { from, sourceId, name, since, known, unknownOutcome } = input;
  const source = await run.patiently(`image ${sourceId}`, () => run.cloudIn(from).images.look(sourceId));
  /** Of those that are to go, by image: one that turns out to stay keeps its own. */
  const snapshotsOf = new Map<string, Set<string>>();
  const stays = ({ Tags }: Image) => !/^(candidate|rejected)\//.test(tagValue(Tags, tagKeys.release) ?? 'candidate/');
  const gone = (id: string): Goal<Image> => {
    const goal = goneImage(run, id, { withSnapshots: true });
    // Looked at until right before the deletion: it waits for the end of the copying, and much may happen meanwhile.
    return { ...goal, judge: (seen, acted) => (seen && stays(seen) ? { is: 'done' } : goal.judge(seen, acted)) };
  };
  const { removed, kept } = await run.clear<Image>({
    title: `copy of ${sourceId} in ${run.build.region}`,
    find: async () => {
      const named = await run.cloud.imageByName(name);
      const byId = await Promise.all(known.map((id) => run.cloud.images.look(id)));
      const ours = [named, ...byId]
        .filter((image) => image !== undefined)
        .filter((image) => {
          const bare = tagValue(image.Tags, tagKeys.build) === undefined;
          return (
            run.owns(image.Tags) ||
            (bare && (known.includes(image.ImageId!) || (unknownOutcome && isBareCopy(image, source, since))))
          );
        });
      for (const { ImageId, SnapshotSet } of ours.filter((one) => !stays(one))) {
        const known = snapshotsOf.get(ImageId!) ?? new Set();
        for (const { SnapshotId } of SnapshotSet ?? []) if (SnapshotId) known.add(SnapshotId);
        snapshotsOf.set(ImageId!, known);
      }
      return [...new Map(ours.map((image) => [image.ImageId, image])).values()];
    },
    idOf: ({ ImageId }) => ImageId!,
    keep: stays,
    goal: gone,
    known,
    unknownOutcome,
  });
  const deleted = removed.filter((id) => !kept.includes(id));
  const snapshots = deleted.flatMap((id) => [...(snapshotsOf.get(id) ?? [])]);
  // DeleteBindedSnap should have seen to them; a Describe proves it.
  await run.achieveAll(snapshots.map((id) => goneSnapshot(run, id)));
  return {
    resources: [
      ...listed('image', deleted, 'deleted', name),
      ...listed('image', kept, 'kept', name),
      ...listed('snapshot', snapshots, 'deleted', ofImage),
    ],
  };
});
