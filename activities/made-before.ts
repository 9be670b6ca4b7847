import { type BuildSpec, disksToSnapshot, type MadeBefore, snapshotName, type SourceFacts, tagKeys } from '../contract';
import type { Image, Snapshot } from './cloud/cloud';
import type { StepRun } from './engine/run';
import { imageFacts } from './poll-image';

/** What a build has in the cloud. */
interface Own {
  images: Image[];
  snapshots: Snapshot[];
}

/**
 * What the runs before a reset have made and kept, for the run after it to take up: the image, and of each disk the snapshot of
 * the same moment. A reset run counts its tries from the point that it was reset to, and has the spec as it was then. So what is
 * kept may be of another try, and bear another name, than what it would look for.
 *
 * @throws MadeInPart when not all of it is there
 */
export async function madeBefore(run: StepRun, spec: BuildSpec, source: SourceFacts): Promise<MadeBefore | undefined> {
  if (!run.build.reset) return undefined;
  const own = await provenOwn(run, await disksOfSource(run));
  const kept = keptOf(run, own);
  if (isNothing(kept)) return undefined;
  const inPart = (why: string) =>
    run.refusal(
      'MadeInPart',
      `${listOf(kept)} of this build are kept already, but ${why}: the rest cannot be made of the same moment`,
      'Build again. What is kept stays: delete it if nobody needs it.',
    );
  const [image, second] = kept.images;
  if (!image || second) throw inPart(image ? 'there is more than one image' : 'there is no image');
  if (image.ImageState === 'CREATING' || image.ImageState === 'CREATEFAILED') throw inPart('the image is not usable');

  const generation = snapshotGeneration(run, image, own.snapshots);
  const snapshots = disksToSnapshot(spec, source).map(({ diskId, usage, size }) => {
    const name = snapshotName(run.build.buildId, diskId, generation);
    const found = own.snapshots.find((one) => one.DiskId === diskId && one.SnapshotName === name);
    if (found?.SnapshotState !== 'NORMAL') throw inPart(`there is no snapshot ${name}`);
    return { snapshotId: found.SnapshotId!, diskId, usage, size: found.DiskSize ?? size };
  });
  return { image: imageFacts(image), snapshots };
}

/**
 * Keeps a step of a reset run from making what is there already: from stopping the source for nothing, and from mixing copies of
 * two moments.
 *
 * @param what.snapshots whether to look for snapshots, too, and not for the image only
 * @returns what is there, and not kept
 * @throws MadeAlready when something of this build is kept
 */
export async function checkNotMade(run: StepRun, { snapshots = false } = {}): Promise<Own> {
  if (!run.build.reset) return { images: [], snapshots: [] };
  const own = await provenOwn(run, snapshots ? await disksOfSource(run) : []);
  const kept = keptOf(run, own);
  if (isNothing(kept)) return own;
  throw run.refusal(
    'MadeAlready',
    `${listOf(kept)} of this build are kept already, and are not made a second time`,
    'Use what is there, or build again for a new image.',
  );
}

/**
 * Copies that stand beside an image, and whose image is not there: one of another moment must not be put beside them. Where the
 * system disk has a copy as well, the image is made of the copies, and both are of one moment whenever it is made.
 */
export function copiesWithoutImage({ images, snapshots }: Own, systemDisk: string): string[] {
  const isThere = images.some(({ ImageState }) => ImageState !== 'CREATEFAILED');
  if (isThere || snapshots.some(({ DiskId }) => DiskId === systemDisk)) return [];
  return snapshots.map(({ SnapshotId }) => SnapshotId!);
}

/** That nothing is kept must have stood for the settle window: a run before this one may only just have tagged it. */
async function provenOwn(run: StepRun, diskIds: string[]): Promise<Own> {
  const own = await run.achieve<Own>({
    title: 'what is kept of this build',
    look: async () => {
      const [images, snapshots] = await Promise.all([
        run.cloud.imagesByTag(tagKeys.build, run.owner),
        snapshotsOfBuild(run, diskIds),
      ]);
      return { images, snapshots };
    },
    judge: (seen) => {
      const isKept = seen !== undefined && keptOf(run, seen).images.length > 0;
      return { is: 'done', standSeconds: isKept ? 0 : run.settings.settleSeconds };
    },
  });
  return own!;
}

const keptOf = (run: StepRun, { images, snapshots }: Own): Own => ({
  images: images.filter(({ Tags }) => run.isKept(Tags)),
  snapshots: snapshots.filter(({ Tags }) => run.isKept(Tags)),
});

const isNothing = ({ images, snapshots }: Own) => images.length === 0 && snapshots.length === 0;

const listOf = ({ images, snapshots }: Own): string =>
  [
    ...images.map(({ ImageId, ImageName, ImageState }) => `${ImageId!} (${ImageName ?? ''}, ${ImageState ?? ''})`),
    ...snapshots.map(({ SnapshotId, DiskId }) => `${SnapshotId!} of ${DiskId ?? ''}`),
  ].join(', ');

/** The try that the snapshots of an image's moment are of: of those that it is made from, or else the one that made it too. */
function snapshotGeneration(run: StepRun, image: Image, snapshots: Snapshot[]): number {
  const bound = new Set((image.SnapshotSet ?? []).map(({ SnapshotId }) => SnapshotId));
  const name = snapshots.find(({ SnapshotId }) => bound.has(SnapshotId))?.SnapshotName;
  return name === undefined ? run.generationOf(image.Tags) : Number(name.slice(name.lastIndexOf('-g') + 2));
}

/** The snapshots that this build took of these disks, in whichever try: by name and tag. */
export async function snapshotsOfBuild(run: StepRun, diskIds: string[]): Promise<Snapshot[]> {
  const all = await run.cloud.snapshotsOfDisks(diskIds);
  return all.filter(({ DiskId = '', SnapshotName, Tags }) => {
    const prefix = snapshotName(run.build.buildId, DiskId, 0).slice(0, -1);
    return SnapshotName?.startsWith(prefix) === true && run.owns(Tags);
  });
}

/** The disks that the source has now. */
export async function disksOfSource(run: StepRun): Promise<string[]> {
  const { instanceId } = run.build;
  const source = await run.patiently(`instance ${instanceId}`, () => run.cloud.instances.look(instanceId));
  const disks = [source?.SystemDisk, ...(source?.DataDisks ?? [])];
  return disks.flatMap((disk) => disk?.DiskId ?? []);
}
