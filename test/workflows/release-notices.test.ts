import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { approveUpdate, type Notification, type PipelineInput, rejectUpdate, retryStepUpdate } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { until } from '../support/judge';
import {
  ended,
  familyInCloud,
  pipelineOf,
  region,
  release,
  type ReleaseHandle,
  startRelease,
  untilRelease,
} from '../support/releases';
import { startWebhook, webhookKey } from '../support/webhook';

/** What the webhook of a pipeline is told: signed, and each event under one ID however often it is delivered. */
describe('notices of a release', { concurrency: 4 }, () => {
  let stack: BuildStack;
  let webhook: Awaited<ReturnType<typeof startWebhook>>;
  before(async () => {
    webhook = await startWebhook();
    stack = await startBuildStack({ settings: { webhooks: { ops: { url: webhook.url, key: webhookKey } } } });
    await stack.cloud.seed({ imageQuota: { [region]: 200, 'ap-shanghai': 200, 'ap-beijing': 200 } });
  });
  after(async () => {
    await stack.stop();
    await webhook.stop();
  });

  const notified = (more: Partial<PipelineInput> = {}) =>
    pipelineOf(stack, { notify: 'ops', ...more }, { dataDisks: 0 });
  /** The events about a family so far, each once, in the order in which they happened. */
  const eventsOf = ({ family }: PipelineInput) => {
    const events = new Map<unknown, Notification>();
    for (const { body, headers } of webhook.deliveries) {
      const event = new Webhook(webhookKey).verify(body, headers as Record<string, string>) as Notification;
      if (event.data.family === family) events.set(headers['webhook-id'], event);
    }
    return [...events.values()].sort((a, b) => a.timestamp.localeCompare(b.timestamp));
  };
  /** Waits until the last event is of a type. */
  const told = (pipeline: PipelineInput, last: Notification['type']) =>
    until(() => {
      const events = eventsOf(pipeline);
      return Promise.resolve(events.at(-1)?.type === last ? events : undefined);
    });
  const typesOf = (events: Notification[]) => events.map(({ type }) => type);
  const failed = (handle: ReleaseHandle) => assert.rejects(ended(handle));

  test('waiting, and released: with what people need to know', async () => {
    const pipeline = await notified({ approve: { deadline: '1h' } });
    const handle = await startRelease(stack, pipeline);
    const { waiting } = await untilRelease(handle, (progress) => progress.waiting !== undefined);
    const [event] = await told(pipeline, 'release.waiting');
    const { data } = event!;
    assert.deepEqual(
      [data.workflowId, data.region, data.family, data.imageId, data.step, data.until],
      [handle.workflowId, region, pipeline.family, waiting!.imageId, 'approve', waiting!.until],
    );
    assert.match(data.message, /waits for approval/);
    assert.match(data.advice!, /cvm-image approve golden-image/);
    assert.match(data.buildId, /^release-[0-9a-f]{12}$/);
    assert.equal(data.imageName, `${pipeline.family}-${/\d{8}/.exec(data.imageName)![0]}-1`);
    await handle.executeUpdate(approveUpdate, { args: [{ by: 'Ada' }] });
    const made = await ended(handle);
    const events = await told(pipeline, 'release.released');
    assert.deepEqual(typesOf(events), ['release.waiting', 'release.released']);
    assert.equal(events[1]!.data.imageId, made.images[0]!.imageId);
    const history = JSON.stringify(await handle.fetchHistory());
    for (const secret of [webhookKey, webhook.url]) assert.ok(!history.includes(secret), 'no secret in the history');
  });

  test('rejected', async () => {
    const pipeline = await notified({ approve: {} });
    const handle = await startRelease(stack, pipeline);
    await untilRelease(handle, ({ waiting }) => waiting !== undefined);
    await handle.executeUpdate(rejectUpdate, { args: [{ by: 'Ada', reason: 'wrong kernel' }] });
    await failed(handle);
    const events = await told(pipeline, 'release.rejected');
    assert.deepEqual(typesOf(events), ['release.waiting', 'release.rejected']);
    assert.match(events[1]!.data.message, /rejected by Ada: wrong kernel/);
    assert.deepEqual([events[1]!.data.code, events[1]!.data.step], ['CandidateRejected', 'approve']);
  });

  test('held, then failed in vain; held, then released', async () => {
    const code = 'InvalidParameterValue.InvalidImageFamily';
    const refusal = { action: 'ModifyImageAttribute', kind: 'error', code, message: 'no', when: 'before' };
    for (const mended of [false, true]) {
      const pipeline = await notified({ onFailure: 'hold', deadlines: mended ? {} : { hold: 2 } });
      const id = await stack.cloud.fault({ ...refusal, contains: pipeline.family });
      const handle = await startRelease(stack, pipeline);
      const [held] = await told(pipeline, 'release.held');
      assert.ok((await stack.cloud.calls({ action: refusal.action })).some(({ faults }) => faults.includes(id)));
      assert.deepEqual([held!.data.step, held!.data.code], ['promote', code]);
      assert.ok(held!.data.requestId && held!.data.until);
      if (mended) await handle.executeUpdate(retryStepUpdate, { args: [{}] });
      await (mended ? ended(handle) : failed(handle));
      const events = await told(pipeline, mended ? 'release.released' : 'release.failed');
      assert.equal(events.length, 2);
      if (!mended) assert.match(events[1]!.data.message, /nobody asked for a retry/);
    }
  });

  test('partial: once, with the region that has no copy and why', async () => {
    const pipeline = await notified({ distribute: { regions: ['ap-shanghai', 'ap-beijing'] } });
    const fired = await stack.cloud.armed({
      action: 'SyncImages',
      contains: `"DestinationRegions":["ap-beijing"],"ImageName":"${pipeline.family}`,
      kind: 'error',
      code: 'ImageQuotaLimitExceeded',
      message: 'ap-beijing is full',
      times: 2,
    });
    const handle = await startRelease(stack, pipeline);
    const made = await ended(handle);
    await fired();
    const events = await told(pipeline, 'release.partial');
    assert.deepEqual(typesOf(events), ['release.partial']);
    const [event] = events;
    const { message, ...data } = event!.data;
    assert.deepEqual(data, {
      workflowId: handle.workflowId,
      runId: made.runId,
      buildId: made.buildId,
      region,
      pipeline: pipeline.family,
      family: pipeline.family,
      imageName: made.images[0]!.name,
      imageId: made.images[0]!.imageId,
      instanceId: (pipeline.source as { instanceId: string }).instanceId,
    });
    assert.match(message, new RegExp(`^${pipeline.family}: distribute: ap-beijing: .*ap-beijing is full`));
    assert.ok(Date.parse(event!.timestamp) >= Date.parse(made.startedAt));
    // The hook did not take the first delivery: the second bears the same ID, so that it counts once.
    const deliveries = webhook.deliveries.filter(({ body }) => body.includes(made.buildId));
    assert.deepEqual([deliveries.length, new Set(deliveries.map(({ headers }) => headers['webhook-id'])).size], [2, 1]);
  });

  test('a reminder before the deadline; nobody decides, and it is rejected', async () => {
    // A minute is the least that a reminder takes.
    const pipeline = await notified({ approve: { deadline: 66, remindEvery: 60 } });
    const handle = await startRelease(stack, pipeline);
    const { waiting } = await untilRelease(handle, (progress) => progress.waiting !== undefined);
    await failed(handle);
    const events = await told(pipeline, 'release.rejected');
    assert.deepEqual(typesOf(events), ['release.waiting', 'release.waiting', 'release.rejected']);
    const [first, reminder, end] = events as [Notification, Notification, Notification];
    assert.deepEqual([first.data.until, reminder.data.until], [waiting!.until, waiting!.until]);
    const at = ({ timestamp }: Notification) => Date.parse(timestamp);
    assert.ok(at(reminder) - at(first) >= 59_000 && at(reminder) < Date.parse(waiting!.until));
    assert.ok(at(end) >= Date.parse(waiting!.until) - 1000, 'not before the deadline');
    assert.deepEqual([end.data.code, end.data.step], ['CandidateRejected', 'approve']);
    assert.match(end.data.message, /was rejected by deadline: nobody approved it within 1 min 06 s/);
    await assert.rejects(handle.executeUpdate(approveUpdate, { args: [{ by: 'Ada' }] }), 'it is too late');
    const now = await familyInCloud(stack.cloud, pipeline.family);
    assert.deepEqual([now.of('rejected'), now.answers], [[waiting!.imageId], []]);
  });

  test('cancelled, unchanged; without notify nobody is told', async () => {
    const waiting = await notified({ approve: {} });
    const handle = await startRelease(stack, waiting);
    await untilRelease(handle, (progress) => progress.waiting !== undefined);
    await handle.cancel();
    await failed(handle);
    assert.deepEqual(typesOf(await told(waiting, 'release.cancelled')), ['release.waiting', 'release.cancelled']);

    const careful = await notified({ skipUnchanged: true });
    await release(stack, careful);
    await release(stack, careful);
    const events = await told(careful, 'release.unchanged');
    assert.deepEqual(typesOf(events), ['release.released', 'release.unchanged']);
    assert.match(events[1]!.data.message, /nothing has changed since img-/);

    const quiet = await pipelineOf(stack, {}, { dataDisks: 0 });
    await release(stack, quiet);
    assert.deepEqual(eventsOf(quiet), []);
  });
});
