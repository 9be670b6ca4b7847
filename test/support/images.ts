import type { WorkflowHandleWithFirstExecutionRunId as Started } from '@temporalio/client';
import { Client as CbsClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cbs/v20170312/cbs_client';
import { randomBytes } from 'node:crypto';
import {
  type BuildResult,
  type BuildSpecInput,
  type DeletionResult,
  type DeletionSpecInput,
  deleteWorkflowId,
  deleteWorkflowType,
  type LaunchResult,
  type LaunchSpecInput,
  launchWorkflowId,
  launchWorkflowType,
  tagKeys,
} from '../../contract';
import type { BuildStack } from './build-stack';
import { until } from './judge';
import type { SimulatorControl } from './simulator';

export const region = 'ap-guangzhou';

/** Builds an image of an instance of its own, to have one to launch from or to delete. */
export async function buildOne(
  stack: BuildStack,
  spec: Partial<BuildSpecInput> = {},
  form: Record<string, unknown> = {},
): Promise<BuildResult> {
  const instanceId = await stack.instance({ region, dataDisks: 2, ...form });
  const handle = await stack.start({ region, instanceId, image: { name: `image-${instanceId}` }, ...spec });
  return handle.result();
}

/** Where launches and deletions are asked for. */
type Place = Pick<BuildStack, 'client' | 'taskQueue'>;

export function startLaunch(
  stack: Place,
  spec: Omit<LaunchSpecInput, 'region' | 'launch'> & { launch?: Partial<LaunchSpecInput['launch']> },
): Promise<Started<(spec: LaunchSpecInput) => Promise<LaunchResult>>> {
  const full: LaunchSpecInput = { region, ...spec, launch: { zone: 'ap-guangzhou-3', ...spec.launch } };
  return stack.client.workflow.start<(spec: LaunchSpecInput) => Promise<LaunchResult>>(launchWorkflowType, {
    workflowId: launchWorkflowId(region, randomBytes(4).toString('hex')),
    taskQueue: stack.taskQueue,
    args: [full],
  });
}

export function startDeletion(
  stack: Place,
  spec: Omit<DeletionSpecInput, 'region'>,
): Promise<Started<(spec: DeletionSpecInput) => Promise<DeletionResult>>> {
  return stack.client.workflow.start<(spec: DeletionSpecInput) => Promise<DeletionResult>>(deleteWorkflowType, {
    workflowId: deleteWorkflowId(region, spec.imageId),
    taskQueue: stack.taskQueue,
    args: [{ region, ...spec }],
  });
}

/** What is left in the cloud of one launch, by its tag. */
export async function resourcesOfLaunch({ cloud }: Pick<BuildStack, 'cloud'>, launchId: string) {
  const { instances, disks } = await cloud.state(region);
  const ours = (one: { tags: Record<string, string> }) => one.tags[tagKeys.build] === `test/${launchId}`;
  return { instances: instances.filter(ours), disks: disks.filter(ours) };
}

/** An image as a build would have left it: with its tags, and with a snapshot of a data disk. Quicker than a build. */
export interface SeededImage {
  imageId: string;
  buildId: string;
  /** The snapshot that the image holds. */
  boundId: string;
  /** The snapshot of its build's data disk. */
  dataId: string;
  diskId: string;
}

/** @param where a region whose calls are this image's alone, for faults that cannot be told apart otherwise */
export async function seedImage(cloud: SimulatorControl, where = region): Promise<SeededImage> {
  const suffix = randomBytes(4).toString('hex');
  const buildId = `${suffix}-000000000001`;
  const imageId = `img-${suffix}`;
  const diskId = `disk-${suffix}`;
  const tags = { [tagKeys.build]: `test/${buildId}`, [tagKeys.state]: 'kept' };
  await cloud.seed({
    instances: [{ region: where, id: `ins-${suffix}`, dataDisks: [{ id: diskId }] }],
    images: [{ region: where, id: imageId, name: `image-${suffix}`, family: `family-${suffix}`, tags }],
  });
  const cbs = new CbsClient({
    credential: { secretId: 'AKIDsimulator', secretKey: 'simulator' },
    region: where,
    profile: { httpProfile: { protocol: 'http://', endpoint: new URL(cloud.url).host } },
  });
  const { SnapshotId: dataId } = await cbs.CreateSnapshot({
    DiskId: diskId,
    SnapshotName: `cib-${buildId}-${diskId}-g1`,
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  });
  const { images } = await until(async () => {
    const state = await cloud.state(where);
    return state.snapshots.find(({ id }) => id === dataId)?.state === 'NORMAL' ? state : undefined;
  });
  const image = images.find(({ id }) => id === imageId)!;
  const [bound] = image.snapshots as [{ id: string }];
  return { imageId, buildId, boundId: bound.id, dataId: dataId!, diskId };
}

/** Which of the image and its snapshots are still there. */
export async function leftOf(cloud: SimulatorControl, image: SeededImage, where = region): Promise<string[]> {
  const { images, snapshots } = await cloud.state(where);
  const there = new Set([...images, ...snapshots].map(({ id }) => id));
  return [image.imageId, image.boundId, image.dataId].filter((id) => there.has(id));
}
