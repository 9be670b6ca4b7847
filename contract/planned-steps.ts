import { formatSeconds } from './duration';
import { snapshotName } from './names';
import { disksToSnapshot, type PlannedResource, type PlannedStep } from './plan';
import type { StepName } from './progress';
import type { BuildSpec, LaunchSettings } from './spec';
import type { QuotaFacts, SourceFacts } from './steps';

/**
 * What a build of this source would do, step by step, in the order of the procedure.
 *
 * @param full what is said when there is no room for one more image
 */
export function plannedSteps(
  spec: BuildSpec,
  source: SourceFacts,
  imageName: string,
  quota: QuotaFacts | undefined,
  full?: string,
): PlannedStep[] {
  const numbers = quota ? `: ${quota.images.used} of ${quota.images.total} custom images now` : '';
  const restore: PlannedStep = source.wasRunning
    ? does('restoreInstance', `starts ${source.instanceId} again, ${whenRestored(spec)}`)
    : skips('restoreInstance', `${source.instanceId} is stopped, and stays so`);
  const image: PlannedStep[] = [
    { step: 'createImage', does: fromWhat(spec, source), makes: [imageOf(spec, source, imageName)] },
    does('pollImage', 'waits until the image is NORMAL; from there on the build never deletes it'),
  ];
  const keep = does('keepResources', 'tags image and snapshots as kept');
  return [
    does('inspectSource', 'makes these checks once more'),
    does('checkQuota', full === undefined ? `room for one more image${numbers}` : withoutRoom(spec, full)),
    shutdown(spec, source),
    snapshots(spec, source),
    ...(spec.method === 'snapshots'
      ? [restore, ...image, keep]
      : spec.restartSource === 'when-allowed'
        ? [image[0]!, restore, image[1]!, keep]
        : [...image, keep, restore]),
    spec.launch ? launch(spec.launch, spec, source) : skips('launchInstance', 'not asked for'),
  ];
}

/** What is done when the region is full. */
function withoutRoom({ room: { whenFull, deadline } }: BuildSpec, full: string): string {
  const waits = `waits for room, at most ${formatSeconds(deadline)}`;
  if (whenFull === 'fail') return `room for one more image: ${full}`;
  return whenFull === 'wait'
    ? `${waits}: ${full}`
    : `deletes the oldest image of the family that may go, or ${waits}: ${full}`;
}

const does = (step: StepName, what: string): PlannedStep => ({ step, does: what, makes: [] });
const skips = (step: StepName, why: string): PlannedStep => ({ step, does: why, skipped: true, makes: [] });

function shutdown({ stopType }: BuildSpec, { instanceId, wasRunning, claimed }: SourceFacts): PlannedStep {
  if (!wasRunning) return does('shutdownInstance', `${instanceId} is stopped already`);
  const because = claimed ? '; an earlier build left it to be started again' : '';
  return does('shutdownInstance', `stops ${instanceId} (${stopType}), charging goes on${because}`);
}

function snapshots(spec: BuildSpec, source: SourceFacts): PlannedStep {
  const disks = disksToSnapshot(spec, source);
  if (disks.length === 0) {
    const inside = spec.dataDisks === 'include' && source.dataDisks.length > 0;
    return skips('snapshotDisks', inside ? 'the data disks go inside the image' : 'no disk to snapshot');
  }
  return {
    step: 'snapshotDisks',
    does: `takes a snapshot of ${disks.length === 1 ? 'one disk' : `${disks.length} disks at once`}`,
    makes: disks.map((disk) => ({
      type: 'snapshot',
      name: snapshotName('{build}', disk.diskId, 1),
      size: disk.size,
      note: `${disk.usage === 'SYSTEM_DISK' ? 'system' : 'data'} disk ${disk.diskId}`,
    })),
  };
}

function whenRestored({ method, restartSource }: BuildSpec): string {
  if (method === 'snapshots') return 'once the snapshots are NORMAL';
  return restartSource === 'when-allowed' ? 'as soon as the cloud accepts it' : 'once the image is NORMAL';
}

function fromWhat({ method, dataDisks, sysprep }: BuildSpec, source: SourceFacts): string {
  const all = dataDisks === 'include' && source.dataDisks.length > 0;
  if (method === 'snapshots') return `from the snapshot${all ? 's of all disks' : ' of the system disk'}`;
  const inside = all ? ` with ${source.dataDisks.length} data disks inside` : '';
  return `from the stopped instance${inside}${sysprep ? ', generalised by sysprep' : ''}`;
}

function imageOf({ dataDisks, image }: BuildSpec, source: SourceFacts, name: string): PlannedResource {
  const inside = dataDisks === 'include' ? source.dataDisks : [];
  const family = image.family === undefined ? '' : `family ${image.family}`;
  return {
    type: 'image',
    name,
    size: [source.systemDisk, ...inside].reduce((sum, disk) => sum + disk.size, 0),
    ...(family ? { note: family } : {}),
  };
}

function launch(settings: LaunchSettings, { dataDisks }: BuildSpec, source: SourceFacts): PlannedStep {
  const type = settings.instanceType ?? source.instanceType;
  const from = dataDisks === 'include' ? 'from the image, as' : 'from the snapshot of';
  const disk = (size: number, note: string): PlannedResource => ({ type: 'disk', size, note });
  return {
    step: 'launchInstance',
    does: `launches ${type} in ${settings.zone} (${settings.chargeType})`,
    makes: [
      { type: 'instance', name: settings.name, note: `${type}, ${settings.zone}` },
      disk(settings.systemDisk.size ?? source.systemDisk.size, 'system disk'),
      ...source.dataDisks.map(({ diskId, size, type: diskType }) => disk(size, `${diskType}, ${from} ${diskId}`)),
    ],
  };
}
