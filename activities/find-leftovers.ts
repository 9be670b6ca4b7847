import {
  formatSeconds,
  instanceIdOf,
  type Leftover,
  type ResourceType,
  snapshotName,
  type SweepActivities,
  tagKeys,
} from '../contract';
import { keptByReport, leftItsSourceUp, type Standing, standingOf } from './build-standing';
import type { Disk, Image, Instance, Snapshot } from './cloud/cloud';
import { accountsSharedWith, instancesOfImage } from './cloud/images';
import { disksTagged, instancesWithTag, type Tagged, taggedWith } from './cloud/tagged';
import { tagValue } from './cloud/tags';
import { longestLeaseSeconds } from './engine/lease';
import type { StepRun } from './engine/run';
import { step } from './engine/step';
import { makerOf } from './find-image';
import { isDoomed } from './source-instance';

type Input = Parameters<SweepActivities['findLeftovers']>[0];
type Output = Awaited<ReturnType<SweepActivities['findLeftovers']>>;

/**
 * Seconds for which a build must have been over before its source is started: a minute, or longer where calls are waited for longer. A
 * terminated build's last activity may make one more call while its lease lasts, and what that does shows within the settle window.
 */
export const sourceGraceSeconds = ({ settleSeconds }: StepRun['settings']): number =>
  Math.max(60, longestLeaseSeconds + settleSeconds);
/** Builds that Temporal is asked about at a time. */
const together = 10;

/** What carries one build's tag. */
interface Found {
  type: ResourceType;
  id: string;
  buildId: string;
  size?: number | undefined;
  note?: string | undefined;
  createdAt?: string | undefined;
  /** It is a source that is owed a start. */
  restore?: true;
  /** Why it may not be deleted, whatever became of its build. */
  stays?: string | undefined;
}

/**
 * Finds what builds left that did not live to their end: what carries this installation's build tag and is still `pending`,
 * and source instances with its restore tag. For each build Temporal is asked whether it is over. Changes nothing.
 *
 * To be deleted is only what is provably abandoned: its build is closed, has been for the grace period, and does not list it
 * as kept; nobody uses it. Everything else is reported with the reason, and what belongs to an open build is left out.
 */
export const findLeftovers = step<Input, Output>('before changes', async (run, { grace }) => {
  const accountId = await run.patiently('account', () => run.cloud.accountId());
  const [tagged, sources] = await Promise.all([
    run.patiently('pending resources', () => taggedWith(run.cloud, tagKeys.state, 'pending')),
    run.patiently('sources with a restore tag', () => instancesWithTag(run.cloud, tagKeys.restore)),
  ]);
  const found = [...sourcesOf(run, sources), ...pendingOf(run, tagged)];
  const standings = await standingsOf(run, [...new Set(found.map(({ buildId }) => buildId))]);
  const open = [...standings].filter(([, { is }]) => is === 'open').map(([buildId]) => buildId);

  const leftovers: Leftover[] = [];
  for (const one of found) {
    const patience = one.restore ? Math.min(grace, sourceGraceSeconds(run.settings)) : grace;
    const judged = judge(one, standings.get(one.buildId)!, patience);
    if (judged) leftovers.push(judged);
  }
  const { region } = run.build;
  await spareStopped(region, leftovers);
  await spareKept(region, leftovers);
  await spareHalfKept(run, leftovers);
  await spareUsed(run, leftovers, tagged);
  return { installation: run.settings.installation, accountId, openBuilds: open, leftovers };
});

/** Source instances that carry this installation's restore tag. What is on its way out needs no start. */
function sourcesOf(run: StepRun, instances: Instance[]): Found[] {
  return instances.flatMap((instance): Found[] => {
    const owner = makerOf(run, instance.Tags, tagKeys.restore);
    if (!owner?.ours || isDoomed(instance)) return [];
    // Tags are copied, by people and with instances.
    const other = instanceIdOf(owner.buildId) === instance.InstanceId ? undefined : 'its restore tag is of another one';
    return [{ ...factsOf.instance(instance), buildId: owner.buildId, restore: true, stays: other }];
  });
}

const factsOf = {
  instance: ({ InstanceId, InstanceState, CreatedTime }: Instance) =>
    ({ type: 'instance', id: InstanceId!, note: InstanceState, createdAt: CreatedTime }) as const,
  image: ({ ImageId, ImageName, ImageSize, CreatedTime }: Image) =>
    ({ type: 'image', id: ImageId!, note: ImageName, size: ImageSize, createdAt: CreatedTime }) as const,
  snapshot: ({ SnapshotId, DiskId, DiskSize, CreateTime }: Snapshot) =>
    ({ type: 'snapshot', id: SnapshotId!, note: DiskId, size: DiskSize, createdAt: fromChina(CreateTime) }) as const,
  disk: ({ DiskId, DiskName, DiskSize, CreateTime }: Disk) =>
    ({ type: 'disk', id: DiskId!, note: DiskName, size: DiskSize, createdAt: fromChina(CreateTime) }) as const,
};

/** CBS writes its times without a zone, and means China's. */
function fromChina(time: string | undefined): string | undefined {
  const date = new Date(`${time?.replace(' ', 'T')}+08:00`);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** What carries this installation's build tag and is `pending`, with what forbids its deletion by itself. */
function pendingOf(run: StepRun, { images, snapshots, instances, disks }: Tagged): Found[] {
  const ours = <Seen extends { Tags?: Image['Tags'] }>(
    all: Seen[],
    facts: (seen: Seen, buildId: string) => Omit<Found, 'buildId'> | undefined,
  ): Found[] =>
    all.flatMap((seen) => {
      const maker = makerOf(run, seen.Tags);
      if (!maker?.ours) return [];
      const one = facts(seen, maker.buildId);
      return one ? [{ ...one, buildId: maker.buildId }] : [];
    });
  return [
    ...ours(instances, (seen) => {
      if (seen.InstanceState === 'TERMINATING') return undefined;
      const claim = tagValue(seen.Tags, tagKeys.restore);
      return { ...factsOf.instance(seen), stays: claim && `it is the source of build ${claim}` };
    }),
    ...ours(disks, (seen) => (seen.DiskState === 'TORECYCLE' ? undefined : factsOf.disk(seen))),
    ...ours(images, (seen) => factsOf.image(seen)),
    ...ours(snapshots, (seen, buildId) => {
      // Whoever made the tag up, what does not bear a build's name is not of it.
      const named = seen.SnapshotName?.startsWith(snapshotName(buildId, seen.DiskId ?? '', 0).slice(0, -1)) === true;
      const stays = named ? undefined : `its name (${seen.SnapshotName ?? ''}) is not one that its build gives`;
      return { ...factsOf.snapshot(seen), stays };
    }),
  ];
}

async function standingsOf(run: StepRun, buildIds: string[]): Promise<Map<string, Standing>> {
  const standings = new Map<string, Standing>();
  for (let start = 0; start < buildIds.length; start += together) {
    const some = buildIds.slice(start, start + together);
    const asked = some.map(async (id) => standings.set(id, await standingOf(run.build.region, id)));
    await Promise.all(asked);
  }
  return standings;
}

/** What is to be done about one resource; undefined for what an open build is at work on. */
function judge(found: Found, standing: Standing, grace: number): Leftover | undefined {
  const { restore, stays, ...facts } = found;
  const reported = (reason: string): Leftover => ({ ...facts, plan: 'report', reason });
  switch (standing.is) {
    case 'open':
      return undefined;
    case 'unknown':
      return reported(`Temporal did not say whether its build is over (${standing.why})`);
    case 'missing':
      return reported('Temporal has no history of its build: whether it is abandoned is for a person to say');
    case 'closed': {
      const spared = spareReason(standing, grace);
      if (restore) {
        if (stays !== undefined) return reported(stays);
        if (standing.lockedBy !== undefined) return undefined;
        if (spared !== undefined) return reported(spared);
        const up = facts.note === 'RUNNING' ? ', it runs, and only the tag that owes it a start is left' : '';
        return { ...facts, plan: 'start', reason: `its build ${ago(standing)}${up}` };
      }
      if (spared !== undefined) return reported(spared);
      if (stays !== undefined) return reported(stays);
      if (secondsSince(facts.createdAt) < grace) return reported(young(secondsSince(facts.createdAt), grace));
      return { ...facts, plan: 'delete', reason: `its build ${ago(standing)}` };
    }
  }
}

const secondsSince = (time: string | undefined) =>
  time === undefined ? Infinity : (Date.now() - new Date(time).getTime()) / 1000;

const ago = ({ how, closedAt }: Standing & { is: 'closed' }) => `${how} ${formatSeconds(secondsSince(closedAt))} ago`;

const young = (seconds: number, grace: number) =>
  `it was made ${formatSeconds(seconds)} ago, within the grace period of ${formatSeconds(grace)}`;

/** Why a build's resources are not to be touched, by what Temporal says; undefined when they are abandoned. */
export function spareReason(standing: Standing, grace: number): string | undefined {
  switch (standing.is) {
    case 'open':
      return 'its build is at work';
    case 'unknown':
      return `Temporal did not say whether its build is over (${standing.why})`;
    case 'missing':
      return 'Temporal has no history of its build';
    case 'closed':
      if (secondsSince(standing.closedAt) >= grace) return undefined;
      return `its build ${ago(standing)}, within the grace period of ${formatSeconds(grace)}`;
  }
}

function spare(leftover: Leftover, reason: string): void {
  leftover.plan = 'report';
  leftover.reason = reason;
}

const toDelete = (leftovers: Leftover[], type: ResourceType) =>
  leftovers.filter((one) => one.plan === 'delete' && one.type === type);

/**
 * Why a source is not started that is down and has a restore tag all the same; undefined when it is to be.
 *
 * @param leftUp whether its build had left it up; undefined when Temporal does not say, and a sweep does nothing that it might not have to
 */
export function stopDoubt(leftUp: boolean | undefined): string | undefined {
  if (leftUp === false) return undefined;
  return leftUp === undefined
    ? 'Temporal did not say whether its build had started it again: somebody may have stopped it since'
    : 'its build had started it again: somebody has stopped it since. Only the restore tag is left, which may be taken away';
}

/** A source that its build has left up, with a tag that could not be removed, is no longer owed a start: somebody else has stopped it. */
async function spareStopped(region: string, leftovers: Leftover[]): Promise<void> {
  for (const one of leftovers.filter(({ plan, note }) => plan === 'start' && note !== 'RUNNING')) {
    const doubt = stopDoubt(await leftItsSourceUp(region, one.buildId));
    if (doubt !== undefined) spare(one, doubt);
  }
}

/** What its build's own report lists as kept stays, though it lacks the tag that says so. */
async function spareKept(region: string, leftovers: Leftover[]): Promise<void> {
  const doomed = leftovers.filter(({ plan }) => plan === 'delete');
  for (const buildId of new Set(doomed.map((one) => one.buildId))) {
    const kept = await keptByReport(region, buildId);
    for (const one of doomed.filter((each) => each.buildId === buildId)) {
      if (!kept) spare(one, 'Temporal did not say what its build kept');
      else if (kept.has(one.id)) spare(one, 'its build lists it as kept');
    }
  }
}

/** An instance of which a disk is tagged as kept stays: the disk would go with it. Its build was ended between tagging the two. */
async function spareHalfKept(run: StepRun, leftovers: Leftover[]): Promise<void> {
  const doomed = toDelete(leftovers, 'instance');
  if (doomed.length === 0) return;
  const reasonOf = await run.patiently('kept disks', () => halfKept(run));
  for (const one of doomed) {
    const reason = reasonOf(one.id);
    if (reason !== undefined) spare(one, reason);
  }
}

/** Says of an instance why it stays for the sake of a disk; undefined when it may go. */
export async function halfKept(run: StepRun): Promise<(instanceId: string) => string | undefined> {
  const kept = await disksTagged(run.cloud, tagKeys.state, 'kept');
  return (instanceId) => {
    const disk = kept.find(({ InstanceId, DiskState }) => InstanceId === instanceId && DiskState !== 'UNATTACHED');
    return disk && `its disk ${disk.DiskId!} is kept: its build was ended before it had tagged all that it launched`;
  };
}

/**
 * Why an image stays for the sake of the instances that were launched from it; undefined when it may go. DeleteImages does not refuse it.
 *
 * @param goingToo instances that are deleted before it
 */
export async function usedBy(
  run: StepRun,
  imageId: string,
  goingToo: ReadonlySet<string>,
): Promise<string | undefined> {
  const users = await instancesOfImage(run.cloud, imageId);
  const others = users.map(({ InstanceId }) => InstanceId!).filter((id) => !goingToo.has(id));
  return others.length > 0 ? `it is in use by ${others.join(', ')}` : undefined;
}

/** What others need stays: an image in use or shared, a snapshot in another image, a disk of an instance that stays. */
async function spareUsed(run: StepRun, leftovers: Leftover[], tagged: Tagged): Promise<void> {
  const instances = new Set(toDelete(leftovers, 'instance').map(({ id }) => id));
  for (const one of toDelete(leftovers, 'disk')) {
    const { DiskState, InstanceId } = tagged.disks.find(({ DiskId }) => DiskId === one.id)!;
    const attached = DiskState !== 'UNATTACHED' && InstanceId !== undefined && InstanceId !== '';
    if (attached && !instances.has(InstanceId)) spare(one, `it is attached to ${InstanceId}`);
  }
  for (const one of toDelete(leftovers, 'image')) {
    const used = await run.patiently(`instances of ${one.id}`, () => usedBy(run, one.id, instances));
    const shares = await run.patiently(`shares of ${one.id}`, () => accountsSharedWith(run.cloud, one.id));
    if (used !== undefined) spare(one, used);
    else if (shares.length > 0) spare(one, `it is shared with ${shares.join(', ')}`);
  }
  const images = new Set(toDelete(leftovers, 'image').map(({ id }) => id));
  for (const one of toDelete(leftovers, 'snapshot')) {
    const { Images = [], ShareReference = 0 } = tagged.snapshots.find(({ SnapshotId }) => SnapshotId === one.id)!;
    const others = Images.map(({ ImageId }) => ImageId!).filter((id) => !images.has(id));
    if (others.length > 0) spare(one, `it is held by image ${others.join(', ')}`);
    else if (ShareReference > 0) spare(one, `it is shared with ${ShareReference} accounts`);
  }
}
