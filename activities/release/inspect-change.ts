import {
  currentOf,
  differences,
  type Fingerprint,
  fingerprintOf,
  isReleased,
  type ReleaseActivities,
  type SourceChange,
  tagKeys,
  writeFingerprint,
} from '../../contract';
import type { Image, Instance } from '../cloud/cloud';
import { familyImage } from '../cloud/release-tags';
import { setTags, tagValue } from '../cloud/tags';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { instanceNow } from '../inspect-source';
import { describeState, isBusy } from '../source-instance';
import { familyImageById, imageGone, imagesOfFamily, notOfFamily } from './family-images';

type InspectInput = Parameters<ReleaseActivities['inspectChange']>[0];

/**
 * Says whether anything that the API tells of the source (CVM DescribeInstances, CBS DescribeDisks), or the pipeline, differs
 * from what the last release was made of. That is the one that was due last of those that were released, also when the family
 * was rolled back since. In doubt it has changed. Changes nothing.
 */
export const inspectChange = step<InspectInput, SourceChange>('before changes', async (run, { family, specHash }) => {
  const { instanceId } = run.build;
  const instance = await instanceNow(run, instanceId);
  const disks = await disksOf(run, instanceId);
  const now: Fingerprint = {
    pipeline: fingerprintOf(specHash),
    instance: fingerprintOf(instanceTraits(instance)),
    disks: fingerprintOf(disks.map(diskTraits)),
    operation: fingerprintOf(instance.LatestOperationRequestId ?? 'none'),
  };
  const changed = (story: string): SourceChange => ({ now, story });

  const images = await imagesOfFamily(run, family);
  const last = images.find(isReleased);
  if (!last) return changed('the first release of its family');
  if (!currentOf(images)) return changed('the family has no current image');
  const of = `since ${last.imageId} (${last.name}), due ${last.nominalAt}`;
  if (last.imageState !== 'NORMAL') return changed(`${last.imageId} is ${last.imageState}`);
  if (last.fingerprint === undefined) return changed(`not known what ${last.imageId} (${last.name}) was made of`);
  if (isBusy(instance)) return changed(describeState(instance));
  const rolledBack = disks.find(({ Rollbacking }) => Rollbacking === true);
  if (rolledBack) return changed(`disk ${rolledBack.DiskId ?? ''} is being rolled back`);
  const found = differences(last.fingerprint, now);
  if (found.length > 0) return changed(`${of}: ${found.join('; ')}`);
  const { imageId, name, nominalAt } = last;
  return { now, since: { imageId, name, nominalAt }, story: `nothing has changed ${of}` };
});

type CbsDisk = Awaited<ReturnType<typeof disksOf>>[number];

async function disksOf(run: StepRun, instanceId: string) {
  const Filters = [{ Name: 'instance-id', Values: [instanceId] }];
  const { DiskSet = [] } = await run.patiently(`disks of ${instanceId}`, () =>
    run.cloud.call('cbs', 'DescribeDisks', { Filters, Limit: 100 }),
  );
  return [...DiskSet].sort((a, b) => ((a.DiskId ?? '') < (b.DiskId ?? '') ? -1 : 1));
}

const diskTraits = ({ DiskId, DiskUsage, DiskSize, DiskType, CreateTime }: CbsDisk) => [
  DiskId,
  DiskUsage,
  DiskSize,
  DiskType,
  CreateTime,
];

function instanceTraits(instance: Instance): unknown[] {
  const { InstanceId, Uuid, CreatedTime, InstanceType, ImageId, OsName, InstanceState } = instance;
  const { SystemDisk, DataDisks, LoginSettings } = instance;
  // Local disks are not the CBS service's to tell of.
  const disks = [SystemDisk, ...(DataDisks ?? [])].map((disk) => [disk?.DiskId, disk?.DiskSize, disk?.DiskType]);
  const keys = [...(LoginSettings?.KeyIds ?? [])].sort();
  disks.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
  return [InstanceId, Uuid, CreatedTime, InstanceType, ImageId, OsName, InstanceState, keys, disks];
}

type RememberInput = Parameters<ReleaseActivities['rememberSource']>[0];

/**
 * Keeps the fingerprint of what a release was made of as a tag of its image (TAG TagResources), where it outlives Temporal's
 * history and goes with the image. Twice is harmless: an existing key gets the new value.
 */
export const rememberSource = step<RememberInput, undefined>('step', async (run, { family, imageId, fingerprint }) => {
  const wanted = writeFingerprint(fingerprint);
  await run.achieve<Image>({
    ...familyImageById(run, imageId),
    title: `fingerprint of ${imageId}`,
    judge: (seen, acted) => {
      if (!seen) return imageGone(imageId);
      if (!familyImage(run, family, seen)) return notOfFamily(imageId, family);
      return acted || tagValue(seen.Tags, tagKeys.source) === wanted ? { is: 'done' } : { is: 'act' };
    },
    act: {
      action: 'TagResources',
      repeatable: true,
      call: async () => {
        await setTags(run.cloud, [{ type: 'image', id: imageId }], { [tagKeys.source]: wanted });
        return undefined;
      },
    },
  });
  return undefined;
});
