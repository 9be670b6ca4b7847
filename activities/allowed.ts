import { tagKeys } from '../contract';
import type { Instance } from './cloud/cloud';
import { tagValue } from './cloud/tags';
import type { Manner, StepRun } from './engine/run';

/**
 * Checks where an activity is asked to work: in a region and with a role that the worker allows, and in the account that
 * the build began in. Whoever reaches Temporal can ask for any activity by itself, so each is checked, not only the first of
 * a build. What undoes is not held up by the list of regions: it puts right what was allowed when it was done.
 */
export async function checkPlace(run: StepRun, manner: Manner): Promise<void> {
  const { region, roleArn, accountId } = run.build;
  const { roles } = run.settings.allow;
  if (manner !== 'undo') checkRegion(run, region);
  // An undo that is refused comes back later: a role that was taken off the list is seen, and can be put back.
  if (roleArn !== undefined && !roles.includes(roleArn)) {
    throw run.refusal(
      'NotAllowed',
      `this worker does not assume the role ${roleArn}`,
      'Leave roleArn out, or name the role in CVM_IMAGE_ALLOW_ROLES of the worker.',
    );
  }
  if (accountId === undefined) return;
  // With another account's credentials everything of the build would look as if it were gone.
  const ours = await run.patiently('account', () => run.cloud.accountId());
  if (ours !== accountId) {
    throw run.laterRefusal(
      'WrongAccount',
      `the build began in account ${accountId}, and this worker's credentials are of account ${ours}`,
      'Give the worker credentials of the account that the build began in.',
    );
  }
}

/**
 * Checks that the worker may work in a region.
 *
 * @throws NotAllowed
 */
export function checkRegion(run: StepRun, region: string): void {
  const { regions } = run.settings.allow;
  if (!regions || regions.includes(region)) return;
  throw run.refusal(
    'NotAllowed',
    `this worker builds only in ${regions.join(', ')}, not in ${region}`,
    'Use another region, or extend CVM_IMAGE_ALLOW_REGIONS of the worker.',
  );
}

/**
 * Checks that a source carries the tag that the worker asks for, wherever it is about to be touched.
 *
 * @throws NotAllowed
 */
export function checkSourceTag(run: StepRun, instance: Instance): void {
  const { sourceTag } = run.settings.allow;
  if (!sourceTag) return;
  const value = tagValue(instance.Tags, sourceTag.key);
  if (value !== undefined && (sourceTag.value === undefined || value === sourceTag.value)) return;
  const wanted = sourceTag.value === undefined ? sourceTag.key : `${sourceTag.key}=${sourceTag.value}`;
  throw run.refusal(
    'NotAllowed',
    `this worker images only instances that carry the tag ${wanted}; ${instance.InstanceId ?? ''} does not`,
    'Tag the instance, or change CVM_IMAGE_ALLOW_SOURCE_TAG of the worker.',
  );
}

/**
 * Checks that no other installation is at work on a source.
 *
 * @throws SourceClaimed
 */
export function checkClaim(run: StepRun, instance: Instance): void {
  const claim = tagValue(instance.Tags, tagKeys.restore);
  if (claim === undefined || run.isInstallation(claim)) return;
  throw run.refusal(
    'SourceClaimed',
    `${instance.InstanceId ?? ''} is being imaged by another installation (${tagKeys.restore} = ${claim})`,
    'Wait for its build, or remove the tag if that installation no longer exists.',
  );
}

/**
 * Checks the build's source by itself, for a step that does not look at it anyway: whoever reaches Temporal can ask for
 * the step without the inspection.
 *
 * @param diskIds disks that must be the source's
 * @throws NotAllowed
 */
export async function checkSource(run: StepRun, diskIds: string[] = []): Promise<void> {
  if (!run.settings.allow.sourceTag) return;
  const { instanceId } = run.build;
  const source = await run.patiently(`instance ${instanceId}`, () => run.cloud.instances.look(instanceId));
  if (!source) return;
  checkSourceTag(run, source);
  const own = [source.SystemDisk, ...(source.DataDisks ?? [])].map((disk) => disk?.DiskId);
  const foreign = diskIds.filter((id) => !own.includes(id));
  if (foreign.length > 0) throw run.refusal('NotAllowed', `${foreign.join(', ')}: not a disk of ${instanceId}`);
}

/**
 * Checks that snapshots were taken by this installation, so of a source that was allowed.
 *
 * @throws NotAllowed
 */
export async function checkSnapshots(run: StepRun, ids: string[]): Promise<void> {
  if (!run.settings.allow.sourceTag) return;
  const seen = await run.patiently('snapshots', () => Promise.all(ids.map((id) => run.cloud.snapshots.look(id))));
  const foreign = ids.filter((_, index) => !run.isInstallation(tagValue(seen[index]?.Tags, tagKeys.build)));
  if (foreign.length > 0) throw run.refusal('NotAllowed', `${foreign.join(', ')}: not taken by this installation`);
}
