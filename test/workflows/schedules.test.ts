import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import {
  applyPipeline,
  backfillSchedule,
  createPipelineSchedule,
  deleteSchedule,
  diffPipeline,
  listSchedules,
  pauseSchedule,
  type PipelineSchedule,
  resumeSchedule,
  scheduleState,
  triggerSchedule,
  updatePipelineSchedule,
  wantedSchedule,
} from '../../client';
import { renderSchedule } from '../../client/output/schedules';
import { plain } from '../../client/output/text';
import {
  approveUpdate,
  goldenImageWorkflowId,
  type PipelineInput,
  type Release,
  retryStepUpdate,
  tagKeys,
} from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { until } from '../support/judge';
import { ended, familyInCloud, pipelineOf, region, startRelease, untilRelease } from '../support/releases';

const nightly = { cron: ['0 2 * * *'], timeZone: 'Asia/Shanghai' };

describe('schedules of pipelines', { concurrency: 3 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 200 } });
  });
  after(() => stack.stop());

  const wanted = (pipeline: PipelineInput): PipelineSchedule =>
    wantedSchedule(pipeline, { taskQueue: stack.taskQueue });
  const scheduled = async (more: Partial<PipelineInput> = {}) => pipelineOf(stack, { schedule: nightly, ...more });
  const idOf = ({ family }: PipelineInput) => goldenImageWorkflowId(region, family);
  const runOf = (pipeline: PipelineInput) => stack.client.workflow.getHandle(idOf(pipeline));
  /** Waits, for longer than other tests: several runs come one after the other. */
  const untilState = async (
    pipeline: PipelineInput,
    holds: (state: Awaited<ReturnType<typeof scheduleState>>) => boolean,
  ) =>
    until(async () => {
      const state = await scheduleState(stack.client, idOf(pipeline));
      return holds(state) ? state : undefined;
    }, 1320);

  test('applied once it is there, applied twice nothing changes, and a diff says what would', async () => {
    const pipeline = await scheduled();
    const first = await applyPipeline(stack.client, wanted(pipeline));
    assert.equal(first.outcome, 'created');
    // Two in the morning in Shanghai.
    assert.match(first.nextAt!, /T18:00:00/);
    const before = await stack.client.schedule.getHandle(idOf(pipeline)).describe();
    assert.equal((await applyPipeline(stack.client, wanted(pipeline))).outcome, 'unchanged');
    const after = await stack.client.schedule.getHandle(idOf(pipeline)).describe();
    assert.deepEqual(after.info.lastUpdatedAt, before.info.lastUpdatedAt);

    const changed = { ...pipeline, retire: { keep: 3 }, schedule: { every: '12h', pauseAfter: 5 } };
    const { changes, exists } = await diffPipeline(stack.client, wanted(changed));
    assert.equal(exists, true);
    assert.deepEqual(
      changes.map(({ path, before: was, after: is }) => [path, was, is]),
      [
        ['schedule.cron[0]', '0 2 * * *', undefined],
        ['schedule.timeZone', 'Asia/Shanghai', 'UTC'],
        ['schedule.pauseAfter', 3, 5],
        ['retire.keep', undefined, 3],
        ['schedule.every', undefined, 43_200],
      ],
    );
    assert.equal((await applyPipeline(stack.client, wanted(changed))).outcome, 'updated');
    assert.equal((await applyPipeline(stack.client, wanted(changed))).outcome, 'unchanged');
    // What somebody changes elsewhere shows, and is put right.
    await stack.client.schedule.getHandle(idOf(pipeline)).update((now) => ({
      ...now,
      spec: { intervals: [{ every: '1h' }] },
    }));
    assert.deepEqual((await diffPipeline(stack.client, wanted(changed))).changes, [
      { path: 'schedule.every', before: 3600, after: 43_200 },
    ]);
    assert.equal((await updatePipelineSchedule(stack.client, wanted(changed))).outcome, 'updated');
    const endAt = new Date('2030-01-01T00:00:00Z');
    await stack.client.schedule.getHandle(idOf(pipeline)).update((now) => ({
      ...now,
      spec: { intervals: [{ every: '12h', offset: '1h' }, { every: '7h' }], endAt },
      policies: { ...now.policies, pauseOnFailure: true },
    }));
    assert.deepEqual(
      (await diffPipeline(stack.client, wanted(changed))).changes.map(({ path, before: was }) => [path, was]),
      [
        ['elsewhere[0]', 'the interval begins 1 h 00 min later'],
        ['elsewhere[1]', 'every 7 h 00 min, too'],
        ['elsewhere[2]', 'not after 2030-01-01T00:00:00.000Z'],
        ['elsewhere[3]', 'pauses at the first failure'],
      ],
    );
    assert.equal((await applyPipeline(stack.client, wanted(changed))).outcome, 'updated');
    assert.equal((await applyPipeline(stack.client, wanted(changed))).outcome, 'unchanged');
    await assert.rejects(createPipelineSchedule(stack.client, wanted(changed)), /There is a schedule/);
    await deleteSchedule(stack.client, idOf(pipeline));
    await assert.rejects(updatePipelineSchedule(stack.client, wanted(changed)), /There is no schedule/);
    await assert.rejects(deleteSchedule(stack.client, idOf(pipeline)), /There is no schedule/);
  });

  test('a schedule that Temporal cannot read is told as such', async () => {
    const pipeline = await scheduled({ schedule: { cron: ['0 25 * * *'] } });
    await assert.rejects(applyPipeline(stack.client, wanted(pipeline)), /Temporal does not take the schedule/);
    assert.throws(() => wanted({ ...pipeline, schedule: { cron: ['now'] } }), /five fields/);
    assert.throws(() => wanted({ ...pipeline, schedule: { cron: ['@daily'], every: '1h' } }), /either cron or every/);
    assert.throws(() => wanted({ ...pipeline, schedule: undefined }), /has no schedule/);
  });

  test('a run by hand and one of the schedule exclude each other, and the list says what is in the way', async () => {
    const pipeline = await scheduled({ approve: {} });
    await applyPipeline(stack.client, wanted(pipeline));
    const byHand = await startRelease(stack, pipeline);
    await untilRelease(byHand, ({ waiting }) => waiting !== undefined);
    await triggerSchedule(stack.client, idOf(pipeline));
    const skipped = await untilState(pipeline, ({ last }) => last !== undefined);
    assert.equal(skipped.last?.outcome, 'skipped');
    assert.match(skipped.last.reason!, /golden-image\/.* was at work/);
    assert.equal(skipped.blockedBy?.phase, 'waiting');
    assert.equal(skipped.skipped, 1);
    await byHand.cancel();
    await assert.rejects(ended(byHand));

    await triggerSchedule(stack.client, idOf(pipeline));
    const handle = await until(async () => {
      const { status } = await runOf(pipeline).describe();
      return status.name === 'RUNNING' ? runOf(pipeline) : undefined;
    });
    await untilRelease(handle, ({ waiting }) => waiting !== undefined);
    await assert.rejects(startRelease(stack, pipeline), /already/i);
    // A third trigger meets the second, and is counted beside the first.
    await triggerSchedule(stack.client, idOf(pipeline));
    const state = await untilState(pipeline, ({ skipped: count }) => count === 2);
    assert.equal(state.blockedBy?.workflowId, idOf(pipeline));
    const listed = await listSchedules(stack.client, { region });
    assert.ok(
      listed.some(({ scheduleId, blockedBy }) => scheduleId === idOf(pipeline) && blockedBy?.phase === 'waiting'),
    );
    await handle.executeUpdate('approve', { args: [{ by: 'Ada' }] });
    const after = await untilState(pipeline, ({ last }) => last?.outcome === 'released');
    assert.equal(after.blockedBy, undefined);
    assert.equal(after.skipped, 2, 'also when a later run has ended');
    assert.ok(after.last!.seconds > 0);
    const made = (await runOf(pipeline).result()) as { triggered: object };
    assert.deepEqual(made.triggered, { by: idOf(pipeline), schedule: idOf(pipeline) });
  });

  test('a time that no worker hears of is in the way, and is told as such', async () => {
    const pipeline = await scheduled();
    const nobody = { ...wanted(pipeline), taskQueue: `${stack.taskQueue}-nobody` };
    await applyPipeline(stack.client, nobody);
    await triggerSchedule(stack.client, idOf(pipeline));
    const state = await untilState(pipeline, ({ blockedBy }) => blockedBy !== undefined);
    assert.equal(state.blockedBy!.phase, 'unheard');
    assert.match(renderSchedule(state, plain).join('\n'), /no worker has heard: does one poll \S+-nobody\?/);
    await stack.client.workflow.getHandle(state.blockedBy!.workflowId).terminate('a test');
    await untilState(pipeline, ({ blockedBy }) => blockedBy === undefined);
  });

  test('overlap: wait lets a run by hand end first', async () => {
    const pipeline = await scheduled({ schedule: { ...nightly, overlap: 'wait' }, approve: {} });
    await applyPipeline(stack.client, wanted(pipeline));
    const byHand = await startRelease(stack, pipeline);
    await untilRelease(byHand, ({ waiting }) => waiting !== undefined);
    const { runId } = await byHand.describe();
    await triggerSchedule(stack.client, idOf(pipeline));
    await byHand.cancel();
    const handle = await until(async () => {
      const { status, runId: now } = await runOf(pipeline).describe();
      return status.name === 'RUNNING' && now !== runId ? runOf(pipeline) : undefined;
    });
    await untilRelease(handle, ({ waiting }) => waiting !== undefined);
    await handle.cancel();
    const { last } = await untilState(pipeline, (state) => state.last !== undefined);
    // Somebody's cancellation is no failure.
    assert.equal(last!.outcome, 'cancelled');
  });

  test('a schedule is paused after so many failures in a row, with the reason as its note, and counts anew', async () => {
    const pipeline = await scheduled({ schedule: { ...nightly, pauseAfter: 2 } });
    await applyPipeline(stack.client, wanted(pipeline));
    const { instanceId } = pipeline.source as { instanceId: string };
    const refusal = { kind: 'error', code: 'InvalidParameterValue', message: 'no', times: 1000 };
    const fired = await stack.cloud.armed({ action: 'CreateImage', contains: pipeline.family, ...refusal });
    const failed = async (count: number) => {
      await triggerSchedule(stack.client, idOf(pipeline));
      return until(async () => {
        const { info, state } = await stack.client.schedule.getHandle(idOf(pipeline)).describe();
        return info.numActionsTaken === count && info.runningActions.length === 0 ? state : undefined;
      });
    };
    assert.equal((await failed(1)).paused, false);
    const { paused, note } = await failed(2);
    await fired();
    assert.equal(paused, true);
    assert.match(note!, /^Paused after 2 failures in a row; the last one, due \S+: build: /);
    const state = await scheduleState(stack.client, idOf(pipeline));
    assert.deepEqual([state.last?.outcome, state.nextAt], ['failed', undefined]);
    await resumeSchedule(stack.client, idOf(pipeline), 'mended');
    assert.equal((await failed(3)).paused, false);
    assert.ok((await stack.cloud.state(region)).instances.some(({ id }) => id === instanceId));
  });

  test('a run that is held is seen in the list, until somebody mends it', async () => {
    const pipeline = await scheduled({ onFailure: 'hold' });
    await applyPipeline(stack.client, wanted(pipeline));
    const refusal = { kind: 'error', code: 'InvalidParameterValue.InvalidImageFamily', message: 'no', when: 'before' };
    const fired = await stack.cloud.armed({ action: 'ModifyImageAttribute', contains: pipeline.family, ...refusal });
    await triggerSchedule(stack.client, idOf(pipeline));
    const { blockedBy } = await untilState(pipeline, (state) => state.blockedBy?.phase === 'held');
    await fired();
    await stack.client.workflow.getHandle(blockedBy!.workflowId).executeUpdate(retryStepUpdate, { args: [{}] });
    const { last } = await untilState(pipeline, (state) => state.last !== undefined);
    assert.equal(last!.outcome, 'released');
  });

  test('fires by itself: jitter and catch-up as asked for; while a run is at work, times are skipped and counted', async () => {
    const pipeline = await scheduled({
      // Every five seconds: the first of seven fields.
      schedule: { cron: ['*/5 * * * * * *'], jitter: '1s', catchUp: '2m' },
      approve: {},
    });
    const id = idOf(pipeline);
    await applyPipeline(stack.client, wanted(pipeline));
    const handle = await until(async () => {
      const described = await runOf(pipeline)
        .describe()
        .catch(() => undefined);
      return described?.status.name === 'RUNNING' ? runOf(pipeline) : undefined;
    });
    const { spec, policies } = await stack.client.schedule.getHandle(id).describe();
    assert.deepEqual(
      [spec.jitter, policies.catchupWindow, policies.overlap],
      [1000, 120_000, ScheduleOverlapPolicy.SKIP],
    );
    const state = await scheduleState(stack.client, id);
    assert.deepEqual(
      [state.wanted.schedule.jitter, state.wanted.schedule.catchUp, state.wanted.schedule.overlap],
      [1, 120, 'skip'],
    );
    assert.match(renderSchedule(state, plain).join('\n'), /up to 1 s later[^]*skip; made good within 2 min/);
    assert.ok(state.nextAt !== undefined && state.nextAt > new Date(Date.now() - 60_000).toISOString());

    await untilRelease(handle, ({ waiting }) => waiting !== undefined);
    const { runId } = await handle.describe();
    const before = (await scheduleState(stack.client, id)).skipped;
    const after = await untilState(pipeline, ({ skipped }) => skipped >= before + 2);
    // It goes on and on, and still it is the one run.
    assert.deepEqual([after.blockedBy?.phase, after.blockedBy?.runId], ['waiting', runId]);
    assert.equal((await stack.client.schedule.getHandle(id).describe()).info.numActionsTaken, 1);
    await pauseSchedule(stack.client, id, 'enough');
    await handle.executeUpdate(approveUpdate, { args: [{ by: 'Ada' }] });
    const { last, paused } = await untilState(pipeline, (now) => now.last !== undefined);
    assert.deepEqual([last!.outcome, paused], ['released', true]);
    const made = (await handle.result()) as Release;
    assert.deepEqual(made.triggered, { by: id, schedule: id });
    // When it was due, and not the moment a jitter later when it began.
    assert.equal(Date.parse(made.nominalAt) % 5000, 0, made.nominalAt);
    assert.equal((await familyInCloud(stack.cloud, pipeline.family)).images.length, 1);
  });

  test('thirty nights by backfill: dates and ages count from when they were due, and what stays is what retention says', async () => {
    const pipeline = await scheduled({
      schedule: { cron: ['0 2 * * *'] },
      image: { tags: { nights: 'thirty' } },
      // The newest three, and what is younger than five days.
      retire: { keep: 3, youngerThan: '5d', keepRejected: '2d' },
    });
    const { family } = pipeline;
    await applyPipeline(stack.client, wanted(pipeline));
    await backfillSchedule(
      stack.client,
      idOf(pipeline),
      new Date('2026-10-01T00:00:00Z'),
      new Date('2026-10-30T12:00:00Z'),
    );
    await untilState(
      pipeline,
      ({ last, blockedBy }) => last?.nominalAt === '2026-10-30T02:00:00.000Z' && blockedBy === undefined,
    );
    const now = await familyInCloud(stack.cloud, family);
    const names = now.images.map(({ name }) => name as string).sort();
    // Those of the 26th to the 30th are younger than five days on the 30th; that of the 25th is five days old to the second.
    assert.deepEqual(
      names,
      [26, 27, 28, 29, 30].map((day) => `${family}-202610${day}-1`),
    );
    assert.equal(now.images.find(({ id }) => id === now.of('current')[0])?.name, `${family}-20261030-1`);
    assert.equal(now.images[0]!.tags.nights, 'thirty');
    // Each snapshot that is left belongs to an image that is.
    const { snapshots } = await stack.cloud.state(region);
    const builds = new Set(now.images.map(({ tags }) => tags[tagKeys.build]));
    const { instanceId } = pipeline.source as { instanceId: string };
    const left = snapshots.filter(
      ({ tags, state }) => state !== 'TORECYCLE' && tags[tagKeys.build]?.includes(`/${instanceId.slice(4)}-`),
    );
    assert.deepEqual(
      left.filter(({ tags }) => !builds.has(tags[tagKeys.build])),
      [],
    );
    const { info } = await stack.client.schedule.getHandle(idOf(pipeline)).describe();
    assert.equal(info.numActionsTaken, 30);
  });
});
