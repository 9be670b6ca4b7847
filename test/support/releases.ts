import { type ScheduleHandle, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { applyPipeline, triggerSchedule, wantedSchedule } from '../../client';
import {
  type BuildFailure,
  type FamilyImage,
  goldenImageWorkflowId,
  goldenImageWorkflowType,
  type OperationProgress,
  type PipelineInput,
  progressQuery,
  type Release,
  type ReleaseRequest,
  type ReleaseState,
  tagKeys,
} from '../../contract';
import type { BuildStack } from './build-stack';
import { until } from './judge';
import type { SimulatorControl, StateResource } from './simulator';

export const region = 'ap-guangzhou';
/** Port that the guests of a test's sources serve. */
export const guestPort = 18_080;

type Place = Pick<BuildStack, 'client' | 'taskQueue'>;
export type ReleaseHandle = WorkflowHandle<(input: PipelineInput, request?: ReleaseRequest) => Promise<Release>>;

/** A source of a test's own, whose images serve `ok` once they have booted, and a pipeline of it. */
export async function pipelineOf(
  stack: Pick<BuildStack, 'instance'>,
  more: Partial<PipelineInput> = {},
  form: Record<string, unknown> = {},
): Promise<PipelineInput> {
  const content = `a web server\nlisten ${guestPort} 200 all is ok`;
  const instanceId = await stack.instance({ region, dataDisks: 1, systemDisk: { size: 50, content }, ...form });
  return {
    region,
    family: `web-${randomBytes(4).toString('hex')}`,
    source: { instanceId },
    build: { method: 'snapshots' },
    // A test that meets an unforeseen refusal is to fail, and not to be held for days.
    onFailure: 'fail',
    ...more,
  };
}

/** A pipeline in a region of a test's own; its source has no data disk. */
export const pipelineIn = (
  stack: Pick<BuildStack, 'instance'>,
  where: string,
  more: Partial<PipelineInput>,
): Promise<PipelineInput> => pipelineOf(stack, { region: where, ...more }, { region: where, dataDisks: 0 });

/** The image of a release, at home. */
export const imageOf = ({ images }: Pick<Release, 'images'>): string => images[0]!.imageId;

/** The test stage of these tests. */
export const testStage: NonNullable<PipelineInput['test']> = {
  launch: { zone: 'ap-guangzhou-3' },
  settle: 0.2,
  checks: [{ tcp: guestPort }, { http: { port: guestPort, path: '/health', text: 'is ok' }, timeout: 20 }],
};

export function startRelease(
  stack: Place,
  pipeline: PipelineInput,
  request: ReleaseRequest = {},
): Promise<ReleaseHandle> {
  return stack.client.workflow.start<(input: PipelineInput, request?: ReleaseRequest) => Promise<Release>>(
    goldenImageWorkflowType,
    {
      workflowId: goldenImageWorkflowId(pipeline.region, pipeline.name ?? pipeline.family),
      taskQueue: stack.taskQueue,
      args: [pipeline, { by: 'test', ...request }],
    },
  );
}

export const release = async (stack: Place, pipeline: PipelineInput, request: ReleaseRequest = {}): Promise<Release> =>
  ended(await startRelease(stack, pipeline, request));

/** Sets the schedule of a pipeline up and has it fire; answers it, and the run that it has begun. */
export async function firedSchedule(
  { client, taskQueue }: Place,
  pipeline: PipelineInput,
): Promise<{ schedule: ScheduleHandle; run: WorkflowHandle }> {
  const { scheduleId } = await applyPipeline(client, wantedSchedule(pipeline, { taskQueue }));
  await triggerSchedule(client, scheduleId);
  const schedule = client.schedule.getHandle(scheduleId);
  const { workflowId, firstExecutionRunId } = await until(
    async () => (await schedule.describe()).info.recentActions[0]?.action.workflow,
  );
  return { schedule, run: client.workflow.getHandle(workflowId, firstExecutionRunId) };
}

/** The result of a release; one that does not end within two minutes, or so many seconds, fails with where it is. */
export async function ended(handle: ReleaseHandle, seconds = 300): Promise<Release> {
  const limit = new AbortController();
  const late = sleep(seconds * 1000, undefined, { signal: limit.signal, ref: false }).then(async () => {
    const { steps, held, waiting, failure } = (await handle.query(progressQuery)) as unknown as OperationProgress;
    throw new Error(`the release does not end: ${JSON.stringify({ steps, held, waiting, failure })}`);
  });
  try {
    return await Promise.race<Release>([handle.result(), late]);
  } finally {
    late.catch(() => undefined);
    limit.abort();
  }
}

/** What a release that must fail failed with. */
export async function releaseFailure(handle: ReleaseHandle): Promise<BuildFailure<string> & { release: Release }> {
  const error: unknown = await ended(handle).then(
    (result) => assert.fail(`it came to ${JSON.stringify(result)}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WorkflowFailedError, String(error));
  const { cause } = error;
  assert.ok(cause instanceof ApplicationFailure, String(cause));
  const [report] = cause.details as [BuildFailure<string> & { release: Release }];
  assert.equal(report.code, cause.type);
  return report;
}

/** Waits until the instance of a release's test has come up; answers its ID. */
export async function untilTested(handle: ReleaseHandle): Promise<string> {
  const noteOf = ({ steps }: OperationProgress) => steps.find(({ step }) => step === 'test')?.note ?? '';
  const progress = await untilRelease(handle, (now) => noteOf(now).endsWith(' runs'));
  return noteOf(progress).split(' ')[0]!;
}

/** Waits until a release's progress is as asked for; a whole build lies before some of it. */
export const untilRelease = (handle: WorkflowHandle, wanted: (progress: OperationProgress) => boolean) =>
  until(async () => {
    const progress = (await handle.query(progressQuery)) as unknown as OperationProgress;
    return wanted(progress) ? progress : undefined;
  });

/** The images of a family in the simulator, by the state in their tag; each with what the cloud's own fields say. */
export async function familyInCloud(cloud: SimulatorControl, family: string, where = region) {
  const { images } = await cloud.state(where);
  const ours = images.filter(({ tags }) => tags[tagKeys.family] === `test/${family}`);
  const stateOf = (image: StateResource) => image.tags[tagKeys.release]?.split('/')[0] as ReleaseState | undefined;
  const of = (state: ReleaseState) => ours.filter((image) => stateOf(image) === state).map(({ id }) => id);
  return {
    images: ours,
    of,
    /** Those that the cloud may answer for the family. */
    answers: images.filter((image) => image.family === family && image.deprecated !== true).map(({ id }) => id),
  };
}

/** What is left in the cloud of a release's test. */
export async function leftOfTest(cloud: SimulatorControl, releaseId: string, where = region): Promise<StateResource[]> {
  const { instances, disks } = await cloud.state(where);
  return [...instances, ...disks].filter(({ tags }) => tags[tagKeys.build] === `test/${releaseId}`);
}

/** An image of a family, in the form that the planning of a retirement takes. */
export const familyImageOf = (more: Partial<FamilyImage> & Pick<FamilyImage, 'imageId'>): FamilyImage => ({
  family: 'web',
  name: more.imageId,
  imageState: 'NORMAL',
  buildId: 'web00001-000000000001',
  release: 'release-000000000001',
  nominalAt: '2026-11-01T00:00:00.000Z',
  state: 'released',
  since: '2026-11-01T00:00:00.000Z',
  answers: false,
  ...more,
});
