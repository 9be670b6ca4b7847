import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { rollBack } from '../../../client';
import {
  buildWorkflowId,
  buildWorkflowType,
  goldenImageWorkflowId,
  goldenImageWorkflowType,
  type PipelineInput,
  type Release,
  releaseIdOf,
  snapshotCopyName,
  tagKeys,
} from '../../../contract';
import { assertSource, ids } from '../../support/judge';
import { resetRun } from '../../support/reset';
import type { StateResource } from '../../support/simulator';
import { ended, familyInCloud, guestPort, leftOfTest, type ReleaseHandle } from '../../support/releases';
import { newTaskQueue, type ReleaseSite } from './release-site';
import { accountId } from './site';
import { activitiesOfRun, type CompletedActivity } from './repeated';
import { heartbeat, lease, settings } from './timing';
import { sweepAway } from './sweep';
import type { WorkerProcess, WorkerWithKey } from './worker';

/** A call that changes the cloud: the nth of its action. */
export interface Change {
  action: string;
  nth: number;
  /** In the region that the release is distributed to. */
  there?: true;
}

const changing = /^(Create|Delete|Modify|Run|Stop|Start|Terminate|Tag|UnTag|Sync|Copy)/;

/** How long a call may be held, and waited for: longer than a release takes. */
const heldMs = 300_000;

/** The account that a distributed release is shared with. */
export const partner = '100000000002';

export type Form = Partial<PipelineInput> & {
  /** What the disk of the source holds. */
  content?: string;
  /** It is brought to another region and account. */
  distributed?: boolean;
};

/**
 * A release of a family that has three images already: the current one, the one before, and an older one. The two older ones are
 * to be retired. Its regions and its workers are its own. One that is distributed finds a current image there, too; that and the
 * current and the oldest one at home are shared with the partner.
 */
export class ReleasePlay {
  readonly taskQueue = newTaskQueue();
  readonly workers: WorkerProcess[] = [];
  readonly pipeline: PipelineInput;
  /** What is current before the release. */
  readonly current: string;
  readonly old: string[];
  /** Where it is distributed to, and what is current there before. */
  readonly there: { region: string; current: string } | undefined;
  /** Of the run that is to make the release. */
  handle!: ReleaseHandle;
  private firstRunId = '';
  private readonly began = new Date().toISOString();
  private readonly key = randomBytes(3).toString('hex');
  private readonly leases: { region: string; giveBack: () => void }[] = [];
  readonly region: string;
  /** Those of the region before the release. */
  private instances: string[] = [];
  /** The snapshots of the region that it is distributed to, before the release. */
  private before = new Set<string>();
  /** They let the calls go that are held. */
  private readonly opens: (() => void)[] = [];

  private constructor(
    private readonly site: ReleaseSite,
    private readonly content: string,
    distributed: boolean,
    more: Partial<PipelineInput>,
  ) {
    const region = this.lease();
    this.region = region;
    this.current = `img-${this.key}00`;
    this.old = [`img-${this.key}01`, `img-${this.key}02`];
    this.there = distributed ? { region: this.lease(), current: `img-${this.key}10` } : undefined;
    this.pipeline = {
      region,
      family: `web-${this.key}`,
      source: { instanceId: this.sourceId },
      build: { method: 'snapshots', deadlines: { heartbeat } },
      test: { launch: { zone: `${region}-3` }, settle: 0.2, checks: [{ tcp: guestPort, timeout: 60 }] },
      retire: { keep: 1, keepRejected: 0 },
      ...(this.there ? { distribute: { regions: [this.there.region], accounts: [partner] } } : {}),
      deadlines: { heartbeat },
      onFailure: 'fail',
      ...more,
    };
  }

  private lease(): string {
    const one = this.site.lease();
    this.leases.push(one);
    return one.region;
  }

  private static async open(
    site: ReleaseSite,
    { content = `a web server\nlisten ${guestPort} 200 ok`, distributed = false, ...more }: Form = {},
  ): Promise<ReleasePlay> {
    const play = new ReleasePlay(site, content, distributed, more);
    await play.seed();
    return play;
  }

  /** Plays a part with a release, and leaves nothing running. */
  static async playing<T>(site: ReleaseSite, form: Form, part: (play: ReleasePlay) => Promise<T>): Promise<T> {
    const play = await ReleasePlay.open(site, form);
    try {
      return await part(play);
    } finally {
      await play.close();
    }
  }

  private async seed(): Promise<void> {
    const { region, current, old, there, pipeline } = this;
    const { family } = pipeline;
    const seeded = (where: string, all: string[]) =>
      all.map((id, age) => {
        const day = `2026-11-0${5 - age}T00:00:00.000Z`;
        return {
          region: where,
          id,
          ...(there && age !== 1 ? { sharedWith: [partner] } : {}),
          name: `${family}-2026110${5 - age}-1`,
          ...(age === 0 ? { family } : {}),
          tags: {
            [tagKeys.build]: `test/${this.key}00-00000000000${age}`,
            [tagKeys.state]: 'kept',
            [tagKeys.family]: `test/${family}`,
            [tagKeys.release]: `${age === 0 ? 'current' : 'released'}/${day}`,
            [tagKeys.run]: `release-00000000000${age}/${day}`,
          },
        };
      });
    const images = [...seeded(region, [current, ...old]), ...(there ? seeded(there.region, [there.current]) : [])];
    const source = { region, id: this.sourceId, dataDisks: 1, systemDisk: { size: 50, content: this.content } };
    await this.site.cloud.seed({ images, instances: [source] });
    this.instances = ids((await this.site.cloud.state(region)).instances);
    if (there) this.before = new Set(ids((await this.site.cloud.state(there.region)).snapshots));
  }

  async startWorker(form: WorkerWithKey = {}): Promise<WorkerProcess> {
    const worker = await this.site.startWorker(this.taskQueue, form);
    this.workers.push(worker);
    return worker;
  }

  async start(): Promise<ReleaseHandle> {
    const handle = await this.site.client.workflow.start<(input: PipelineInput) => Promise<Release>>(
      goldenImageWorkflowType,
      {
        workflowId: goldenImageWorkflowId(this.region, this.pipeline.family),
        taskQueue: this.taskQueue,
        workflowTaskTimeout: '2s',
        args: [this.pipeline],
      },
    );
    this.firstRunId = handle.firstExecutionRunId;
    this.handle = handle;
    return handle;
  }

  /** A build of the source that is none of the release's. */
  async buildByHand(): Promise<void> {
    const { region, sourceId: instanceId } = this;
    await this.site.client.workflow.start(buildWorkflowType, {
      workflowId: buildWorkflowId(region, instanceId),
      taskQueue: this.taskQueue,
      workflowTaskTimeout: '2s',
      args: [{ region, instanceId, image: { name: `by-hand-${this.key}` }, deadlines: { heartbeat } }],
    });
  }

  /** Rolls the family back, and comes back when that is done. */
  rollBack(): Promise<{ imageId: string }> {
    const { region, taskQueue } = this;
    const about = { accountId, family: this.pipeline.family, taskQueue };
    return rollBack(this.site.client, about, { place: { region, heartbeat }, by: 'the test' });
  }

  /** The image before is current, the one that was is withdrawn, and all are there. */
  async assertRolledBack(): Promise<void> {
    const now = await this.assertCurrent(this.old[0]!);
    assert.deepEqual(ids(now.images), [this.current, ...this.old].sort());
    assert.deepEqual(now.of('withdrawn'), [this.current]);
  }

  get sourceId(): string {
    return `ins-${this.key}00`;
  }

  /** The release ID, which is a part of the tags of what the run makes. */
  get releaseId(): string {
    return releaseIdOf(this.firstRunId);
  }

  /** Holds a call until it is let go; `before`: it is not applied yet; `after`: it is, and nobody has been told. */
  async hold({ action, nth, there }: Change, when: 'before' | 'after') {
    const region = there ? this.there!.region : this.region;
    // The tag service has no region: its resources name theirs. A trial of RunInstances bears no tags.
    const place = action.endsWith('TagResources') ? { contains: `:${region}:` } : { region };
    const real = action === 'RunInstances' ? { contains: 'test/release-' } : {};
    const { url, met, open } = this.site.door.threshold();
    this.opens.push(open);
    const lasts = { milliseconds: heldMs };
    await this.site.cloud.fault({ action, nth, kind: 'hook', url, when, ...lasts, ...place, ...real });
    return {
      met: async () => {
        const isMet = await Promise.race([met, pause(heldMs, false, { ref: false })]);
        assert.ok(isMet, `the call of ${action} that is to be held comes`);
      },
      release: open,
    };
  }

  /**
   * Its worker dies while a change is asked for, before or after it is made, and another one takes over.
   *
   * @param begin what the change is a part of: the release, if nothing else is said
   */
  async killedAt(change: Change, when: 'before' | 'after', begin: () => unknown = () => this.start()): Promise<void> {
    const held = await this.hold(change, when);
    const first = await this.startWorker();
    await begin();
    await held.met();
    await this.assertNeverWithout();
    await first.kill();
    held.release();
    await this.startWorker();
  }

  /** Starts the release. Its worker stands still after a change, another one takes over, and it wakes up when the release is over. */
  async standsStillAfter(change: Change): Promise<void> {
    // The answer has not reached the worker: it will go on from there.
    const held = await this.hold(change, 'after');
    const first = await this.startWorker({ polls: 1 });
    await this.start();
    await held.met();
    first.freeze();
    held.release();
    await this.startWorker();
    const made = await this.assertReleased();
    first.wake();
    await first.drain();
    assert.deepEqual(await this.assertReleased(), made);
  }

  /** The activities that workflows of the release have completed. */
  async completed(...workflowIds: string[]): Promise<CompletedActivity[]> {
    return (await Promise.all(workflowIds.map((id) => activitiesOfRun(this.site.client, id)))).flat();
  }

  /** Every call by which the release has changed the cloud in one of its regions, in order. */
  async changes(where = this.region): Promise<Change[]> {
    const state = await this.site.cloud.state(where);
    const { instances, disks, snapshots, images } = state;
    const known = new Set(ids([...instances, ...disks, ...snapshots, ...images]));
    const counts = new Map<string, number>();
    let trials = 0;
    return (await this.site.cloud.calls({ since: this.began }))
      .filter(({ action, applied, region, service, resources }) => {
        const ours = region === where || (service === 'tag' && resources.some((id) => known.has(id)));
        if (!ours || !applied || !changing.test(action)) return false;
        // The first RunInstances is the trial, which changes nothing.
        return action !== 'RunInstances' || ++trials > 1;
      })
      .map(({ action }) => {
        const nth = (counts.get(action) ?? 0) + 1;
        counts.set(action, nth);
        return { action, nth, ...(where === this.region ? {} : { there: true as const }) };
      });
  }

  /**
   * What must hold at every moment: the family has a current image in each region, and an image that is not tested is never what it
   * answers with. A copy of one that is tested may answer, where the cloud has copied that along, until the copy can be changed.
   */
  async assertNeverWithout(): Promise<void> {
    for (const { region } of this.leases) {
      const now = await familyInCloud(this.site.cloud, this.pipeline.family, region);
      assert.ok(now.of('current').length > 0, `the family has a current image in ${region}`);
      assert.ok(now.answers.length > 0, `the cloud answers for the family in ${region}`);
      if (region !== this.region) continue;
      assert.deepEqual(
        now.answers.filter((id) => now.of('candidate').includes(id) || now.of('rejected').includes(id)),
        [],
        'no candidate answers for the family',
      );
    }
  }

  /** The image is the family's current one in the region, alone, and what the cloud answers with. Answers what there is of the family. */
  async assertCurrent(imageId: string, region = this.region): ReturnType<typeof familyInCloud> {
    const now = await familyInCloud(this.site.cloud, this.pipeline.family, region);
    assert.deepEqual([now.of('current'), now.answers], [[imageId], [imageId]], region);
    return now;
  }

  /** The release is out, once, and nothing of it is left that should not be. */
  async assertReleased(): Promise<Release> {
    const made = await ended(this.handle);
    assert.equal(made.outcome, 'released');
    const [image] = made.images;
    const now = await this.assertCurrent(image!.imageId);
    assert.deepEqual(ids(now.images), [this.current, image!.imageId].sort(), 'the older ones are retired');
    const { snapshots } = await this.site.cloud.state(this.region);
    const ours = snapshots.filter(({ tags }) => tags[tagKeys.build] === `test/${made.build!.buildId}`);
    const told = [...image!.snapshotIds, ...image!.snapshots.map(({ snapshotId }) => snapshotId)];
    assert.deepEqual(ids(ours), told.sort(), 'the snapshots of the release, and no others');
    await this.assertTidy();
    await this.assertDistributed(made);
    return made;
  }

  /** It is current in the other region, too, with copies of its snapshots, once, and shared where it is to be. */
  private async assertDistributed({ images: [image, copy], build }: Release): Promise<void> {
    if (!this.there) return;
    const { region, current } = this.there;
    assert.ok(image && copy, 'there is a copy');
    await this.assertCurrent(copy.imageId, region);
    const { images, snapshots } = await this.site.cloud.state(region);
    // Marked or not: nothing was made twice.
    assert.deepEqual(ids(this.named(images)), [current, copy.imageId].sort());
    const names = image.snapshots.map(({ snapshotId }) => snapshotCopyName(build!.buildId, snapshotId));
    const copies = snapshots.filter(({ name }) => names.includes(String(name)));
    assert.deepEqual(ids(copies), copy.snapshots.map(({ snapshotId }) => snapshotId).sort());
    assert.ok(
      copies.every(({ tags }) => tags[tagKeys.build] === `test/${build!.buildId}`),
      'they are marked as ours',
    );
    await this.assertShared(this.region, [this.current, image.imageId]);
    await this.assertShared(region, [current, copy.imageId]);
  }

  /** Exactly these are shared with the partner. */
  private async assertShared(region: string, wanted: string[]): Promise<void> {
    const { images } = await this.site.cloud.state(region);
    const shared = this.named(images).filter(({ shares }) =>
      (shares as { account: string }[]).some(({ account }) => account === partner),
    );
    assert.deepEqual(ids(shared), [...wanted].sort(), `shared in ${region}`);
  }

  /** The source runs as it did, and nothing is left of the test. */
  async assertTidy(): Promise<void> {
    const { instances } = await this.site.cloud.state(this.region);
    assertSource(instances.find(({ id }) => id === this.sourceId));
    assert.deepEqual(ids(await leftOfTest(this.site.cloud, this.releaseId, this.region)), [], 'left of the test');
    assert.deepEqual(ids(instances), this.instances, 'no instance more than before');
  }

  /** What was current before still is, and alone. */
  async assertAsBefore(): Promise<void> {
    await this.assertCurrent(this.current);
    await this.assertAsBeforeThere();
  }

  /** The same of the region that it is distributed to; and nothing of the release is left there, marked or not. */
  async assertAsBeforeThere(): Promise<void> {
    if (!this.there) return;
    const { region, current } = this.there;
    await this.assertCurrent(current, region);
    const { images, snapshots } = await this.site.cloud.state(region);
    assert.deepEqual(ids(this.named(images)), [current]);
    assert.deepEqual(
      ids(snapshots).filter((id) => !this.before.has(id)),
      [],
    );
  }

  /** The images of the family, marked or not: a region has seen other plays before this one. */
  private named(images: StateResource[]): StateResource[] {
    return images.filter(({ name }) => String(name).startsWith(this.pipeline.family));
  }

  /** Sweeps, once nothing can be under way any more that a terminated run had asked for. */
  async sweep(): Promise<void> {
    await pause((lease + settings.settleSeconds!) * 1000);
    const { client } = this.site;
    for (const { region } of this.leases) await sweepAway({ client, region, taskQueue: this.taskQueue });
  }

  /** Resets the run to its first workflow task. */
  async resetToBegin(): Promise<void> {
    this.handle = (await resetRun(this.site.client, this.handle.workflowId)) as ReleaseHandle;
  }

  async close(): Promise<void> {
    const { faults } = (await this.site.cloud.send('GET', 'faults')) as {
      faults: { id: string; region?: string; contains?: string }[];
    };
    const ours = (region = '', contains = '') =>
      this.leases.some((one) => one.region === region || contains.includes(`:${one.region}:`));
    for (const { id, region, contains } of faults) {
      if (ours(region, contains)) await this.site.cloud.send('DELETE', `faults/${id}`).catch(() => undefined);
    }
    for (const open of this.opens) open();
    await Promise.all(this.workers.map((worker) => worker.kill()));
    for (const { giveBack } of this.leases) giveBack();
  }
}
