import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backingOff } from '../../activities/engine/backing-off';

/** What an attempt of an activity that throws this ends with. */
async function ending(error: unknown, attempt = 1, { cancelled = false } = {}): Promise<unknown> {
  const environment = new MockActivityEnvironment({ attempt });
  const activity = backingOff(async () => {
    if (cancelled) {
      environment.cancel();
      await Context.current().cancelled.catch(() => undefined);
    }
    throw error;
  });
  try {
    await environment.run(activity, undefined);
  } catch (reason) {
    return reason;
  }
  return assert.fail('it threw');
}

const pauseOf = (error: unknown): unknown => (error as ApplicationFailure).nextRetryDelay;

test('what nobody foresaw is tried again ever later, up to half a minute', async () => {
  const pauses = [1, 2, 3, 5, 6, 100].map(async (attempt) => pauseOf(await ending(new TypeError('a bug'), attempt)));
  assert.deepEqual(await Promise.all(pauses), [1000, 2000, 4000, 16_000, 30_000, 30_000]);
});

test('a failure keeps its type, its words and its details', async () => {
  const bug = await ending(new TypeError('a bug'));
  assert.ok(bug instanceof ApplicationFailure);
  assert.deepEqual([bug.type, bug.message, bug.nonRetryable], ['TypeError', 'a bug', false]);
  const busy = await ending(ApplicationFailure.retryable('busy', 'Busy', { advice: 'wait' }), 2);
  assert.ok(busy instanceof ApplicationFailure);
  assert.deepEqual([busy.type, busy.details, busy.nextRetryDelay], ['Busy', [{ advice: 'wait' }], 2000]);
});

test('a final failure, one that says when to come again, and a cancellation stay as they are', async () => {
  const final = ApplicationFailure.nonRetryable('no', 'Refused');
  assert.equal(await ending(final), final);
  assert.equal(pauseOf(final), undefined);
  const slow = ApplicationFailure.create({ message: 'later', nextRetryDelay: 60_000 });
  assert.equal(await ending(slow), slow);
  assert.equal(pauseOf(slow), 60_000);
  for (const error of [new CancelledFailure('cancelled'), new DOMException('aborted', 'AbortError')]) {
    assert.equal(await ending(error, 1, { cancelled: true }), error);
  }
});
