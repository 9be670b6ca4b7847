import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DoctorCheck } from '../../client/doctor';
import { checkLines, together } from '../../client/output/doctor';
import { rangeText } from '../../client/output/plan';
import { plain } from '../../client/output/text';

const denied: DoctorCheck = {
  name: 'CreateImage',
  kind: 'permission',
  health: 'wrong',
  found: 'You are not authorized to perform this operation on the resource, as CAM has it.',
  advice:
    "Grant the worker's CAM identity this action on this resource.\n  a-command --that-is --very-long --and-must-not-be-broken --by-anybody --at-all",
  code: 'UnauthorizedOperation',
  requestId: '5f0f3a34-0000-4000-8000-000000000001',
};
const untold = (name: string): DoctorCheck => ({
  name,
  kind: 'permission',
  health: 'unknown',
  found: 'cannot be told',
});

describe('what the doctor says', () => {
  test('fits 80 columns; only a command to copy is not broken', () => {
    const lines = checkLines(denied, plain, 80);
    assert.match(lines[0]!, /^✗ CreateImage {9}You are not/);
    const long = lines.filter((line) => line.length > 80);
    assert.equal(long.length, 1);
    assert.ok(long[0]!.trim().startsWith('a-command'));
    const said = lines.join(' ').replaceAll(/ +/g, ' ');
    assert.ok(said.includes('as CAM has it. (UnauthorizedOperation, RequestId 5f0f3a34'), said);
    assert.equal(lines.filter((line) => line.includes('→')).length, 1);
  });

  test('advice is for what is not well', () => {
    assert.equal(checkLines({ ...denied, health: 'ok' }, plain).length, 1);
  });

  test('permissions of which the same is said stand together; what is denied stands by itself', () => {
    const groups = together([untold('StopInstances'), denied, untold('StartInstances')]);
    assert.deepEqual(
      groups.map(({ name, found }) => [name, found]),
      [
        ['permissions', 'StopInstances, StartInstances: cannot be told'],
        ['CreateImage', denied.found],
      ],
    );
  });
});

test('a down-time as people read it', () => {
  assert.equal(
    rangeText({ leastSeconds: 350, typicalSeconds: 380, mostSeconds: 422 }),
    '6 min 20 s (5 min 50 s to 7 min 02 s)',
  );
  assert.equal(rangeText({ leastSeconds: 380, typicalSeconds: 380, mostSeconds: 380 }), '6 min 20 s');
  assert.equal(rangeText({ leastSeconds: 600, mostSeconds: 14_400 }), '10 min 00 s to 4 h 00 min');
  assert.equal(rangeText({ mostSeconds: 9000 }), 'at most 2 h 30 min');
  assert.equal(rangeText({}), 'unknown');
});
