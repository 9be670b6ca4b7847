import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { currentOf, type FamilyImage, planRetirement, previousOf, type Ties } from '../../contract';
import { familyImageOf } from '../support/releases';

const day = (count: number) => new Date(Date.UTC(2026, 10, count)).toISOString();
/** A release of a day, promoted that day unless said otherwise. */
const released = (count: number, more: Partial<FamilyImage> = {}): FamilyImage =>
  familyImageOf({ imageId: `img-${count}`, nominalAt: day(count), since: day(count), ...more });
const free = (): Ties => ({ instances: [], run: undefined });
const rules = { keep: 2, youngerThan: 3 * 86_400, keepRejected: 86_400, now: day(20) };

/** The images that go, by the rules. */
const going = (images: FamilyImage[], more: Partial<typeof rules> = {}, tiesOf: (image: FamilyImage) => Ties = free) =>
  planRetirement(images, { ...rules, ...more }, tiesOf)
    .filter(({ goes }) => goes)
    .map(({ image }) => image.imageId);
const reasonFor = (images: FamilyImage[], imageId: string, tiesOf: (image: FamilyImage) => Ties = free) =>
  planRetirement(images, rules, tiesOf).find(({ image }) => image.imageId === imageId)!.reason;

describe('retirement', () => {
  const nights = [released(20, { state: 'current' }), ...[19, 18, 17, 16, 15, 14].map((count) => released(count))];

  test('keeps the newest and all that are younger', () => {
    assert.deepEqual(going(nights), ['img-17', 'img-16', 'img-15', 'img-14']);
    assert.deepEqual(going(nights, { youngerThan: 0 }), ['img-18', 'img-17', 'img-16', 'img-15', 'img-14']);
    assert.deepEqual(going(nights, { keep: 5 }), ['img-15', 'img-14']);
    assert.deepEqual(going(nights, { keep: undefined as never }), []);
  });

  test('never the current one, nor the one before, however old they are', () => {
    const rolled = [
      released(1, { state: 'current', since: day(19) }),
      released(2),
      ...[18, 17, 16].map((count) => released(count, { state: 'withdrawn' })),
    ];
    assert.deepEqual([currentOf(rolled)?.imageId, previousOf(rolled)?.imageId], ['img-1', 'img-2']);
    assert.deepEqual(going(rolled, { keep: 1, youngerThan: 0 }), ['img-17', 'img-16']);
    assert.equal(reasonFor(rolled, 'img-1'), 'it is the current one');
    assert.equal(reasonFor(rolled, 'img-2'), 'it was current before the current one');
  });

  test('candidates that did not make it do not count, and go by their own rule', () => {
    const images = [
      released(20, { state: 'current' }),
      released(19, { state: 'rejected' }),
      familyImageOf({ imageId: 'img-young', state: 'rejected', nominalAt: '2026-11-19T12:00:00.000Z', since: day(20) }),
      released(18, { state: 'candidate' }),
      released(17),
      released(16),
      released(15),
    ];
    assert.deepEqual(going(images, { keep: 3 }), ['img-19', 'img-18', 'img-15']);
    const open = ({ imageId }: FamilyImage) => ({
      instances: [],
      run: imageId === 'img-18' ? 'its run is not over' : undefined,
    });
    assert.deepEqual(going(images, { keep: 3 }, open), ['img-19', 'img-15']);
    assert.equal(reasonFor(images, 'img-18', open), 'its run is not over');
  });

  test('never what an instance uses, and it says so', () => {
    const used = (image: FamilyImage) => ({ instances: image.imageId === 'img-16' ? ['ins-a'] : [], run: undefined });
    assert.deepEqual(going(nights, {}, used), ['img-17', 'img-15', 'img-14']);
    assert.match(reasonFor(nights, 'img-16', used), /96 h 00 min old, not one of the newest 2, but ins-a uses it/);
  });

  test('while a promotion is under way, two are marked: the later one is current, the other the one before', () => {
    const both = [released(20, { state: 'current' }), released(19, { state: 'current' }), released(18)];
    assert.deepEqual([currentOf(both)?.imageId, previousOf(both)?.imageId], ['img-20', 'img-19']);
  });

  test('a rollback that was interrupted: what it was to withdraw is not the one before, and is not retired', () => {
    const images = [
      released(20, { state: 'current' }),
      released(19, { state: 'current', since: day(21) }),
      released(18),
      released(17),
    ];
    assert.deepEqual([currentOf(images)?.imageId, previousOf(images)?.imageId], ['img-19', 'img-18']);
    assert.deepEqual(going(images, { keep: 0, youngerThan: 0 }), ['img-17']);
    // By when they were made, where that is known: the nights of a backfill are due in any order.
    const made = (count: number) => ({ createdAt: new Date(Date.UTC(2026, 11, count)).toISOString() });
    const filled = [
      released(10, { state: 'current', since: day(21), ...made(2) }),
      released(19, { state: 'current', since: day(20), ...made(1) }),
      released(18, made(1)),
    ];
    assert.equal(previousOf(filled)?.imageId, 'img-19');
  });

  test('after a rollback the one before is not the one that was withdrawn', () => {
    const images = [
      released(20, { state: 'withdrawn' }),
      released(19, { state: 'current', since: day(21) }),
      released(18),
    ];
    assert.equal(previousOf(images)?.imageId, 'img-18');
  });
});
