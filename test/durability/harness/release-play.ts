import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  goldenImageWorkflowId,
  goldenImageWorkflowType,
  type PipelineInput,
  type Release,
  releaseIdOf,
  tagKeys,
} from '../../../contract';
import { assertSource, ids, until } from '../../support/judge';
import { ended, familyInCloud, guestPort, leftOfTest, type ReleaseHandle } from '../../support/releases';
import { newTaskQueue, type ReleaseSite } from './release-site';
import { heartbeat, lease, settings } from './timing';
import { sweepAway } from './sweep';
import type { WorkerProcess, WorkerWithKey } from './worker';

/** A call that changes the cloud: the nth of its action. */
export interface Change {
  action: string;
  nth: number;
}

const changing = /^(Create|Delete|Modify|Run|Stop|Start|Terminate|Tag|UnTag)/;

/**
 * A release of a family that has three images already: the current one, the one before, and an older one. The two older ones are
 * to be retired. Its region and its workers are its own.
 */
export class ReleasePlay {
  readonly taskQueue = newTaskQueue();
  readonly workers: WorkerProcess[] = [];
  readonly pipeline: PipelineInput;
  /** What is current before the release. */
  readonly current: string;
  readonly old: string[];
  handle!: WorkflowHandleWithFirstExecutionRunId<(input: PipelineInput) => Promise<Release>>;
  private readonly began = new Date().toISOString();
  private readonly key = randomBytes(3).toString('hex');
  private readonly giveBack: () => void;
  readonly region: string;
  /** Those of the region before the release. */
  private instances: string[] = [];

  private constructor(
    private readonly site: ReleaseSite,
    private readonly content: string,
    more: Partial<PipelineInput>,
  ) {
    const { region, giveBack } = site.lease();
    this.region = region;
    this.giveBack = giveBack;
    this.current = `img-${this.key}00`;
    this.old = [`img-${this.key}01`, `img-${this.key}02`];
    this.pipeline = {
      region,
      family: `web-${this.key}`,
      source: { instanceId: `ins-${this.key}00` },
      build: { method: 'snapshots', deadlines: { heartbeat } },
      test: { launch: { zone: `${region}-3` }, settle: 0.2, checks: [{ tcp: guestPort, timeout: 60 }] },
      retire: { keep: 1, keepRejected: 0 },
      deadlines: { heartbeat },
      onFailure: 'fail',
      ...more,
    };
  }

  static async open(
    site: ReleaseSite,
    {
      content = `a web server\nlisten ${guestPort} 200 ok`,
      ...more
    }: Partial<PipelineInput> & { content?: string } = {},
  ): Promise<ReleasePlay> {
    const play = new ReleasePlay(site, content, more);
    await play.seed();
    return play;
  }

  private async seed(): Promise<void> {
    const { region, current, old, pipeline } = this;
    const { family } = pipeline;
    const images = [current, ...old].map((id, age) => {
      const day = `2026-11-0${5 - age}T00:00:00.000Z`;
      return {
        region,
        id,
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
    const source = { region, id: `ins-${this.key}00`, dataDisks: 1, systemDisk: { size: 50, content: this.content } };
    await this.site.cloud.seed({ images, instances: [source] });
    this.instances = ids((await this.site.cloud.state(region)).instances);
  }

  async startWorker(form: WorkerWithKey = {}): Promise<WorkerProcess> {
    const worker = await this.site.startWorker(this.taskQueue, form);
    this.workers.push(worker);
    return worker;
  }

  async start(): Promise<ReleaseHandle> {
    this.handle = await this.site.client.workflow.start<(input: PipelineInput) => Promise<Release>>(
      goldenImageWorkflowType,
      {
        workflowId: goldenImageWorkflowId(this.region, this.pipeline.family),
        taskQueue: this.taskQueue,
        workflowTaskTimeout: '2s',
        args: [this.pipeline],
      },
    );
    return this.handle;
  }

  /** The release ID, which is a part of the tags of what the run makes. */
  get releaseId(): string {
    return releaseIdOf(this.handle.firstExecutionRunId);
  }

  /** Holds a call until it is let go; `before`: it is not applied yet; `after`: it is, and nobody has been told. */
  async hold({ action, nth }: Change, when: 'before' | 'after') {
    // The tag service has no region: its resources name theirs. A trial of RunInstances bears no tags.
    const place = action.endsWith('TagResources') ? { contains: `:${this.region}:` } : { region: this.region };
    const real = action === 'RunInstances' ? { contains: 'test/release-' } : {};
    const id = await this.site.cloud.fault({ action, nth, kind: 'pause', when, ...place, ...real });
    return {
      met: () =>
        until(async () => {
          const { waiting } = (await this.site.cloud.send('GET', `faults/${id}`)) as { waiting: number };
          return waiting > 0 ? true : undefined;
        }),
      release: () => this.site.cloud.send('POST', `faults/${id}/release`),
    };
  }

  /** Every call by which the release has changed the cloud, in order. */
  async changes(): Promise<Change[]> {
    const state = await this.site.cloud.state(this.region);
    const { instances, disks, snapshots, images } = state;
    const known = new Set(ids([...instances, ...disks, ...snapshots, ...images]));
    const counts = new Map<string, number>();
    let trials = 0;
    return (await this.site.cloud.calls({ since: this.began }))
      .filter(({ action, applied, region, service, resources }) => {
        const ours = region === this.region || (service === 'tag' && resources.some((id) => known.has(id)));
        if (!ours || !applied || !changing.test(action)) return false;
        // The first RunInstances is the trial, which changes nothing.
        return action !== 'RunInstances' || ++trials > 1;
      })
      .map(({ action }) => {
        const nth = (counts.get(action) ?? 0) + 1;
        counts.set(action, nth);
        return { action, nth };
      });
  }

  /** What must hold at every moment: the family has a current image, and an image that is not tested is never what it answers with. */
  async assertNeverWithout(): Promise<void> {
    const now = await familyInCloud(this.site.cloud, this.pipeline.family, this.region);
    assert.ok(now.of('current').length > 0, 'the family has a current image');
    assert.ok(now.answers.length > 0, 'the cloud answers for the family');
    assert.deepEqual(
      now.answers.filter((id) => now.of('candidate').includes(id) || now.of('rejected').includes(id)),
      [],
      'no candidate answers for the family',
    );
  }

  /** The release is out, once, and nothing of it is left that should not be. */
  async assertReleased(): Promise<Release> {
    const made = await ended(this.handle);
    assert.equal(made.outcome, 'released');
    const [image] = made.images;
    const now = await familyInCloud(this.site.cloud, this.pipeline.family, this.region);
    assert.deepEqual([now.of('current'), now.answers], [[image!.imageId], [image!.imageId]]);
    assert.deepEqual(ids(now.images), [this.current, image!.imageId].sort(), 'the older ones are retired');
    const { snapshots } = await this.site.cloud.state(this.region);
    const ours = snapshots.filter(({ tags }) => tags[tagKeys.build] === `test/${made.build!.buildId}`);
    const told = [...image!.snapshotIds, ...image!.snapshots.map(({ snapshotId }) => snapshotId)];
    assert.deepEqual(ids(ours), told.sort(), 'the snapshots of the release, and no others');
    await this.assertTidy();
    return made;
  }

  /** The source runs as it did, and nothing is left of the test. */
  async assertTidy(): Promise<void> {
    const { instances } = await this.site.cloud.state(this.region);
    assertSource(instances.find(({ id }) => id === `ins-${this.key}00`));
    assert.deepEqual(ids(await leftOfTest(this.site.cloud, this.releaseId, this.region)), [], 'left of the test');
    assert.deepEqual(ids(instances), this.instances, 'no instance more than before');
  }

  /** What was current before still is, and alone. */
  async assertAsBefore(): Promise<void> {
    const now = await familyInCloud(this.site.cloud, this.pipeline.family, this.region);
    assert.deepEqual([now.of('current'), now.answers], [[this.current], [this.current]]);
  }

  /** Sweeps, once nothing can be under way any more that a terminated run had asked for. */
  async sweep(): Promise<void> {
    await pause((lease + settings.settleSeconds!) * 1000);
    await sweepAway({ client: this.site.client, region: this.region, taskQueue: this.taskQueue });
  }

  async close(): Promise<void> {
    const { faults } = (await this.site.cloud.send('GET', 'faults')) as {
      faults: { id: string; region?: string; contains?: string }[];
    };
    for (const { id, region, contains = '' } of faults) {
      if (region !== this.region && !contains.includes(`:${this.region}:`)) continue;
      await this.site.cloud.send('POST', `faults/${id}/release`).catch(() => undefined);
      await this.site.cloud.send('DELETE', `faults/${id}`).catch(() => undefined);
    }
    await Promise.all(this.workers.map((worker) => worker.kill()));
    this.giveBack();
  }
}
