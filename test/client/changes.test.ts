import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StepView } from '../../client/view';
import { ChangeLog } from '../../client/output/changes';
import { at, ran, viewWith } from './views';

const waits = (percent: number): Partial<StepView> => ({
  ...ran(10),
  activity: { name: 'snapshotDisks', attempt: 1, state: 'working', wait: { waitingFor: 'snapshot', percent } },
});

describe('plain lines', () => {
  test('come once for each change of state', () => {
    const log = new ChangeLog();
    assert.deepEqual(log.next(viewWith({ inspectSource: ran(0) }), at(1)), [
      '2026-03-01T10:00:01Z  image               web-2026, build web00001-0123456789ab',
      '2026-03-01T10:00:01Z  inspectSource       begins',
    ]);
    assert.deepEqual(log.next(viewWith({ inspectSource: ran(0) }), at(2)), []);
    const done = viewWith({ inspectSource: { ...ran(0, 3), resources: ['ins-web00001'] }, checkQuota: ran(3, 4) });
    assert.deepEqual(log.next(done, at(4)), [
      '2026-03-01T10:00:04Z  inspectSource       done in 3 s: ins-web00001',
      '2026-03-01T10:00:04Z  checkQuota          done in 1 s',
    ]);
  });

  test('say a percentage by quarters', () => {
    const log = new ChangeLog();
    log.next(viewWith({ snapshotDisks: waits(3) }), at(11));
    const said = [10, 20, 28, 40, 49, 80, 99].flatMap((percent) =>
      log.next(viewWith({ snapshotDisks: waits(percent) }), at(percent)),
    );
    assert.deepEqual(
      said.map((text) => text.slice(22)),
      ['snapshotDisks       28 %  snapshot', 'snapshotDisks       80 %  snapshot'],
    );
  });

  test('say a new attempt, a hindrance and its end', () => {
    const log = new ChangeLog();
    const attempt = (count: number) =>
      viewWith({
        createImage: {
          ...ran(10),
          activity: {
            name: 'createImage',
            attempt: count,
            state: 'working',
            lastFailure: { code: 'Busy', message: 'the instance is busy' },
          },
        },
      });
    log.next(attempt(1), at(11));
    assert.match(log.next(attempt(2), at(12)).join(), /createImage +attempt 2, after: the instance is busy \(Busy\)$/);
    assert.deepEqual(log.next(attempt(2), at(13)), []);
    const away = { ...attempt(2), notes: ['Temporal cannot be reached'] };
    assert.match(log.next(away, at(14)).join(), /note +Temporal cannot be reached$/);
    assert.match(log.next(attempt(2), at(15)).join(), /note +all is well again$/);
    assert.match(log.next(away, at(16)).join(), /note +Temporal cannot be reached$/);
  });
});
