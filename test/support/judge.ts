import assert from 'node:assert/strict';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { type BuildFailure, type BuildProgress, progressQuery, tagKeys } from '../../contract';
import type { SimulatorControl, StateResource } from './simulator';

/** What is left in the cloud of one build, by the build's tag, and of an image by its snapshots. */
export async function resourcesOf(cloud: SimulatorControl, region: string, instanceId: string) {
  const { images, snapshots, instances, disks } = await cloud.state(region);
  const ofBuild = (one: StateResource) => one.tags[tagKeys.build]?.includes(`/${instanceId.slice(4)}-`) === true;
  const ours = images.filter(ofBuild);
  const bound = new Set(ours.flatMap((image) => (image.snapshots as { id: string }[]).map(({ id }) => id)));
  const source = instances.find(({ id }) => id === instanceId);
  return {
    images: ours,
    /** Taken by the build. */
    snapshots: snapshots.filter(ofBuild),
    /** Made by the cloud for the build's image. */
    implicit: snapshots.filter((one) => bound.has(one.id) && !ofBuild(one)),
    /** Snapshots of the source's disks, whoever made them. */
    ofSource: snapshots.filter(({ diskId }) => diskIdsOf(source).includes(diskId as string)),
    instances: instances.filter(ofBuild),
    disks: disks.filter(ofBuild),
    source,
  };
}

const diskIdsOf = (source: StateResource | undefined): string[] =>
  source ? [source.systemDiskId as string, ...(source.dataDiskIds as string[])] : [];

/** The source is as it was found, and nothing of the build is left. */
export async function assertClean(
  cloud: SimulatorControl,
  region: string,
  instanceId: string,
  state = 'RUNNING',
): Promise<void> {
  const left = await resourcesOf(cloud, region, instanceId);
  assertSource(left.source, state);
  assert.deepEqual(ids(left.images), []);
  assert.deepEqual(ids(left.ofSource), []);
  assert.deepEqual(ids(left.instances), []);
  assert.deepEqual(ids(left.disks), []);
}

/** The source instance is in this state, and carries no restore tag. */
export function assertSource(source: StateResource | undefined, state = 'RUNNING'): void {
  assert.equal(source?.state, state);
  assert.equal(source.tags[tagKeys.restore], undefined, 'the restore tag is gone');
}

export const ids = (resources: { id: string }[]) => resources.map(({ id }) => id).sort();

/** The report of a build that is expected to fail or to be cancelled. */
export async function failureOf(handle: WorkflowHandle): Promise<BuildFailure & { cancelled: boolean }> {
  const error: unknown = await handle.result().then(
    () => assert.fail('the build did not fail'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WorkflowFailedError, String(error));
  const { cause } = error;
  if (cause instanceof CancelledFailure) {
    const { report } = await handle.query(progressQuery);
    assert.ok(report);
    return { ...report, cancelled: true };
  }
  assert.ok(cause instanceof ApplicationFailure, String(cause));
  const [report] = cause.details as [BuildFailure];
  assert.equal(cause.type, report.code);
  return { ...report, cancelled: false };
}

/** Waits until the build's progress is as asked for; most of the build may lie before that. */
export async function untilProgress(
  handle: WorkflowHandle,
  wanted: (progress: BuildProgress) => boolean,
): Promise<BuildProgress> {
  return until(async () => {
    const progress = await handle.query(progressQuery);
    return wanted(progress) ? progress : undefined;
  });
}

/**
 * Waits until something is there, looking every few milliseconds; gives up after so many seconds, which only a busy machine needs.
 * A look that takes long, as a query does that replays a whole history, leaves twice as long for what is waited for.
 */
export async function until<T>(look: () => Promise<T | undefined>, seconds = 300): Promise<T> {
  const giveUp = Date.now() + seconds * 1000;
  while (Date.now() < giveUp) {
    const began = performance.now();
    const found = await look();
    if (found !== undefined) return found;
    const pause = Math.max(20, 2 * (performance.now() - began));
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return assert.fail(`waited for ${seconds} s in vain`);
}
