import { ApplicationFailure, CancellationScope, patched, workflowInfo } from '@temporalio/workflow';
import {
  type BuildResult,
  type BuildSpec,
  type BuildSpecInput,
  buildWorkflowId,
  type DiskSnapshot,
  disksToSnapshot,
  type ImageFacts,
  type LaunchedInstance,
  type SourceFacts,
} from '../contract';
import { Build } from './build';
import { checkedSpec } from './checked-spec';
import { now } from './clock';

/**
 * Builds a custom image of a CVM instance, and optionally launches a new one from it.
 *
 * Tencent Cloud's own procedure: check, shut the source down, snapshot its data disks, create the image, start the source
 * again, launch. Whatever happens on the way, a source that was running is running again in the end; a build that fails
 * before the image is usable leaves nothing behind, unless the spec says otherwise.
 *
 * Fails with an ApplicationFailure whose type is the cloud's own code and whose first detail is a `BuildFailure`.
 */
export async function buildImage(input: BuildSpecInput): Promise<BuildResult> {
  const spec = checkedSpec(input);
  checkLock(spec);
  const build = new Build(spec);
  return build.run(() => procedure(build));
}

/** The workflow ID is the lock of the source: a build that was started under another one would not be held off by it. */
function checkLock({ region, instanceId }: BuildSpec): void {
  const { workflowId } = workflowInfo();
  const lock = buildWorkflowId(region, instanceId);
  if (workflowId === lock) return;
  throw ApplicationFailure.create({
    type: 'WrongWorkflowId',
    message: `A build of ${instanceId} must have the workflow ID ${lock}, not ${workflowId}: the ID is what keeps two builds apart.`,
    nonRetryable: true,
  });
}

/** Patch: a usable image stays when its source, which was to start while it was made, does not come up. */
const imageStays = 'image-stays';

async function procedure(build: Build): Promise<BuildResult> {
  const { source, snapshots, image, restored } =
    build.spec.method === 'snapshots' ? await fromSnapshots(build) : await fromStopped(build);

  const kept = snapshots.filter(({ snapshotId }) => !image.snapshotIds.includes(snapshotId));
  let begun = restored;
  await build.stage(() => {
    // It has failed, and is told of here, where what is tried again does not begin at the shutdown. The source does not wait for that.
    const failed = begun;
    begun = undefined;
    if (failed) void build.restoreInAnyCase();
    return together(tagAsKept(build, image, snapshots), failed ?? restoreSource(build));
  });

  const instance = await build.stage(() => launch(build, source, image, snapshots));
  return build.result({ source, image, snapshots: kept, instance });
}

interface Made {
  source: SourceFacts;
  snapshots: DiskSnapshot[];
  image: ImageFacts;
  /** The start of the source that was begun while the image was made, if it has failed. */
  restored?: Promise<void>;
}

/** Method `instance`: the image is made of the stopped source. What fails is begun again at the shutdown. */
function fromStopped(build: Build): Promise<Made> {
  return build.stage(async () => {
    const { made, ...source } = await inspect(build);
    if (made) return { source, ...made };
    await shutDown(build, source);
    const snapshots = await snapshotDisks(build, source);
    return { source, snapshots, ...(await createImage(build, source, snapshots)) };
  });
}

/** Method `snapshots`: the source is up again before the image is made, which can fail and be begun again by itself. */
async function fromSnapshots(build: Build): Promise<Made> {
  const { source, snapshots, made } = await build.stage(async () => {
    const { made, ...source } = await inspect(build);
    if (made) return { source, made, snapshots: made.snapshots };
    await shutDown(build, source);
    const snapshots = await snapshotDisks(build, source);
    await restoreSource(build);
    return { source, snapshots };
  });
  if (made) return { source, ...made };
  const created = await build.stage(async () => {
    if (build.lostItsRoom) await build.room();
    return createImage(build, source, snapshots);
  });
  return { source, snapshots, ...created };
}

/**
 * Everything that could be refused later is refused here, before anything is touched. After a pause it is looked at once
 * more: what was found may be days old. What the runs before a reset have made and kept is taken up, `made`.
 */
async function inspect(build: Build): Promise<SourceFacts> {
  let source = await lookAtSource(build);
  while (!source.made && (await build.pausedBefore('shutdownInstance'))) source = await lookAtSource(build);
  return source;
}

async function lookAtSource(build: Build): Promise<SourceFacts> {
  const { spec, imageName } = build;
  const { instanceId } = spec;
  const { made, ...source } = await build.step(
    'inspectSource',
    `${instanceId} and what the spec asks for`,
    (activities, ref) => activities.inspectSource({ build: ref, spec, imageName }),
  );
  build.inspected(source);
  if (made && build.adopt(made)) return { ...source, made };
  await build.room();
  return source;
}

async function shutDown(build: Build, source: SourceFacts): Promise<void> {
  let firstCall: string | undefined;
  const { askedAt } = await build.step(
    'shutdownInstance',
    `stop ${source.instanceId}`,
    (activities, ref) => {
      firstCall ??= now();
      return activities.shutdownInstance({ build: ref, source, stopType: build.spec.stopType });
    },
    () => source.wasRunning && build.source.willRestart(),
  );
  // A step whose deadline was put off is called again, and does not know when it asked first.
  const calledAgain = askedAt !== undefined && build.wasExtended('shutdownInstance');
  build.source.isDown(calledAgain ? firstCall : askedAt);
}

/** One snapshot a disk. */
async function snapshotDisks(build: Build, source: SourceFacts): Promise<DiskSnapshot[]> {
  const { spec, ref, generation } = build;
  const disks = disksToSnapshot(spec, source);
  if (disks.length === 0) {
    build.skip('snapshotDisks');
    return [];
  }
  const undo = build.undoable('undoSnapshotDisks', (activities, how) =>
    activities.undoSnapshotDisks({ ...how, build: ref, diskIds: disks.map(({ diskId }) => diskId) }),
  );
  const { snapshots } = await build.step(
    'snapshotDisks',
    `${disks.length} disks of ${ref.instanceId}`,
    (activities, ref) => activities.snapshotDisks({ build: ref, generation, disks, tags: spec.image.tags }),
  );
  const resources = snapshots.map(({ snapshotId, diskId }) => ({ id: snapshotId, note: `of ${diskId}` }));
  build.made('snapshotDisks', undo, 'snapshot', resources);
  return snapshots;
}

/** Creates the image and waits until it is usable: the commit point. */
async function createImage(
  build: Build,
  source: SourceFacts,
  snapshots: DiskSnapshot[],
): Promise<Pick<Made, 'image' | 'restored'>> {
  const { spec, ref, imageName, generation } = build;
  const fromSnapshots = imageSnapshots(build, snapshots).map(({ snapshotId }) => snapshotId);
  const undo = build.undoable('undoCreateImage', (activities, how) =>
    activities.undoCreateImage({ ...how, build: ref, name: imageName, inputSnapshotIds: fromSnapshots }),
  );
  const { imageId } = await build.step('createImage', imageName, (activities, ref) =>
    activities.createImage({
      build: ref,
      generation,
      name: imageName,
      description: spec.image.description,
      family: spec.image.setImageFamily ? spec.image.family : undefined,
      tags: spec.image.tags,
      candidate: spec.image.candidate,
      sysprep: spec.sysprep,
      from:
        spec.method === 'snapshots'
          ? { kind: 'snapshots', snapshotIds: fromSnapshots }
          : {
              kind: 'instance',
              dataDiskIds: spec.dataDisks === 'include' ? source.dataDisks.map(({ diskId }) => diskId) : [],
            },
    }),
  );
  build.made('createImage', undo, 'image', [{ id: imageId, note: imageName }]);

  const polling = build.step('pollImage', `${imageId} until it is NORMAL`, (activities, ref) =>
    activities.pollImage({ build: ref, imageId }),
  );
  // From that moment on nothing destroys it, however long the source takes to start.
  const usable = polling.then((image) => {
    build.committed(undo, image);
    return image;
  });
  if (spec.restartSource !== 'when-allowed') return { image: await usable };
  const restored = restoreSource(build);
  try {
    const [image] = await together(usable, restored);
    return { image };
  } catch (error) {
    const [made] = await Promise.allSettled([usable]);
    if (made.status === 'rejected' || !patched(imageStays)) throw error;
    return { image: made.value, restored };
  }
}

/** Waits for both, also when one fails: undoing begins when nothing is at work any more. */
async function together<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
}

/** The snapshots that an image of snapshots is made from: all of them only when it is to hold the data disks. */
function imageSnapshots({ spec }: Build, snapshots: DiskSnapshot[]): DiskSnapshot[] {
  if (spec.method !== 'snapshots') return [];
  return spec.dataDisks === 'include' ? snapshots : snapshots.filter(({ usage }) => usage === 'SYSTEM_DISK');
}

/** The image is tagged as kept, and so are the snapshots. */
async function tagAsKept(build: Build, image: ImageFacts, snapshots: DiskSnapshot[]): Promise<void> {
  // Not even a cancellation may leave a kept image tagged as pending.
  await CancellationScope.nonCancellable(() =>
    build.step('keepResources', `${image.imageId} and ${snapshots.length} snapshots`, (activities, ref) =>
      activities.keepResources({
        build: ref,
        imageIds: [image.imageId],
        snapshotIds: snapshots.map(({ snapshotId }) => snapshotId),
      }),
    ),
  );
  build.tagged();
}

async function restoreSource(build: Build): Promise<void> {
  if (!build.source.hasToRestart) {
    build.skip('restoreInstance');
    return;
  }
  const { outcome, ...how } = await build.step(
    'restoreInstance',
    `start ${build.ref.instanceId} again`,
    (activities, ref) => activities.restoreInstance({ build: ref, unknownOutcome: false }),
  );
  if (outcome === 'running') build.source.isUp(how);
  else build.source.isOut('no longer there');
}

/** Launches an instance from the image, if the spec asks for one. */
async function launch(
  build: Build,
  source: SourceFacts,
  image: ImageFacts,
  snapshots: DiskSnapshot[],
): Promise<LaunchedInstance | undefined> {
  const { spec, ref, generation } = build;
  const { launch: settings, dataDisks } = spec;
  if (!settings) {
    build.skip('launchInstance');
    return;
  }
  const undo = build.undoable('undoLaunchInstance', (activities, how) =>
    activities.undoLaunchInstance({ ...how, build: ref }),
  );
  const instance = await build.step('launchInstance', `from ${image.imageId} in ${settings.zone}`, (activities, ref) =>
    activities.launchInstance({
      build: ref,
      generation,
      runId: workflowInfo().runId,
      imageId: image.imageId,
      settings,
      source,
      // An image that holds the data disks brings them along.
      snapshots: dataDisks === 'include' ? [] : snapshots.filter(({ usage }) => usage === 'DATA_DISK'),
      dataDisks: source.dataDisks,
    }),
  );
  const diskIds = [instance.systemDiskId, ...instance.dataDisks.map(({ diskId }) => diskId)];
  build.made('launchInstance', undo, 'instance', [{ id: instance.instanceId }]);
  build.made(
    'launchInstance',
    undo,
    'disk',
    diskIds.map((id) => ({ id, note: `of ${instance.instanceId}` })),
  );
  await build.again('launchInstance', `keep ${instance.instanceId}`, (activities, ref) =>
    activities.keepResources({ build: ref, instanceIds: [instance.instanceId], diskIds }),
  );
  undo.kept();
  return instance;
}
