import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { actions } from '../../simulator/actions';
import { isListedCode } from '../../simulator/wire/answers';
import { thrownCodes } from './thrown-codes';

const root = path.resolve(__dirname, '..', '..', '..');

describe('error codes', () => {
  const thrown = thrownCodes(root);

  test('are read from the source of every action that is served', () => {
    assert.deepEqual([...thrown.keys()].sort(), Object.keys(actions).sort());
    const codesOf = (action: string): string[] => [...thrown.get(action)!.codes.keys()];
    // Thrown by the action itself, by what it calls, and named by the caller of what throws it.
    assert.ok(codesOf('SyncImages').includes('InvalidImageId.TooLarge'));
    assert.ok(codesOf('SyncImages').includes('InvalidImageName.Duplicate'));
    assert.ok(codesOf('DescribeImages').includes('InvalidParameterValue.InvalidParameterValueLimit'));
    assert.ok(codesOf('DescribeInstances').includes('InvalidSgId.Malformed'));
    assert.ok(codesOf('DescribeVpcs').includes('InvalidParameter.FilterInvalidKey'));
    assert.ok(!codesOf('DescribeVpcs').includes('InvalidFilter'));
  });

  test('that an action can answer are all in its list, or in that of all actions', () => {
    const wrong = [...thrown].flatMap(([action, { codes }]) =>
      [...codes].flatMap(([code, where]) =>
        isListedCode(action, code) ? [] : [`${action} does not list ${code} (${where})`],
      ),
    );
    assert.deepEqual(wrong, []);
  });

  test('are written out, but for that of an instance in the wrong state, which is looked up in the list', () => {
    const unclear = new Set([...thrown.values()].flatMap((one) => one.unclear.map((text) => text.replace(/:\d+/, ''))));
    assert.deepEqual([...unclear], ['instances.ts: `UnsupportedOperation.InstanceState${camel(instance.state)}`']);
  });
});
