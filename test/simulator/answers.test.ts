import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultSwitches } from '../../simulator/options';
import { defaultSeed } from '../../simulator/seed/default-seed';
import { plant } from '../../simulator/seed/plant';
import { World } from '../../simulator/state/world';
import { type Action } from '../../simulator/wire/action';
import { isListedCode, misfits } from '../../simulator/wire/answers';
import { Dispatcher } from '../../simulator/wire/dispatch';
import { ApiError } from '../../simulator/wire/errors';
import { Rates } from '../../simulator/wire/rates';
import { v1Signature } from '../../simulator/wire/signature';
import { codeOf } from './support';

const zone = { Zone: 'ap-tokyo-1', ZoneName: 'Tokyo 1', ZoneId: '1', ZoneState: 'AVAILABLE' };

describe('answers', () => {
  test('are held against the description of the action', () => {
    assert.deepEqual(misfits('cvm', 'DescribeZones', { TotalCount: 1, ZoneSet: [zone] }), []);
    const wrong: [string, object, string[]][] = [
      ['DescribeZones', { ZoneSet: [] }, ['DescribeZones.TotalCount is missing']],
      ['DescribeZones', { TotalCount: null, ZoneSet: [] }, ['DescribeZones.TotalCount is missing']],
      ['DescribeZones', { TotalCount: 1.5, ZoneSet: [] }, ['DescribeZones.TotalCount is 1.5, which is no uint64']],
      ['DescribeZones', { TotalCount: -1, ZoneSet: [] }, ['DescribeZones.TotalCount is -1, which is no uint64']],
      ['DescribeZones', { TotalCount: '1', ZoneSet: [] }, ['DescribeZones.TotalCount is "1", which is no uint64']],
      ['DescribeZones', { TotalCount: 1, ZoneSet: zone }, ['DescribeZones.ZoneSet is not a list']],
      ['DescribeZones', { TotalCount: 1, ZoneSet: ['a'] }, ['DescribeZones.ZoneSet.0 is not an object']],
      [
        'DescribeZones',
        { TotalCount: 1, ZoneSet: [{ ...zone, Colour: 'red' }], More: 1 },
        ['DescribeZones.More is not in the description', 'DescribeZones.ZoneSet.0.Colour is not in the description'],
      ],
      [
        'DescribeKeyPairs',
        { TotalCount: 1, KeyPairSet: [{ CreatedTime: '2026-11-24 10:00:00' }] },
        ['DescribeKeyPairs.KeyPairSet.0.CreatedTime is "2026-11-24 10:00:00", which is no datetime_iso'],
      ],
    ];
    for (const [action, answer, expected] of wrong) assert.deepEqual(misfits('cvm', action, answer), expected);
    assert.deepEqual(misfits('cvm', 'CreateImage', {}), [], 'a DryRun answers nothing');
    assert.deepEqual(misfits('cvm', 'CreateKeyPair', {}), ['CreateKeyPair.KeyPair is missing']);
  });

  test('have error codes of the action or common ones', () => {
    assert.ok(isListedCode('CreateImage', 'InvalidImageName.Duplicate'));
    assert.ok(isListedCode('CreateSnapshot', 'AuthFailure.SignatureFailure'));
    assert.ok(!isListedCode('CreateSnapshot', 'InvalidImageName.Duplicate'));
  });

  test('that do not fit are an InternalError, but only in the strict mode', async (t) => {
    const written: string[] = [];
    t.mock.method(process.stderr, 'write', (text: string) => {
      written.push(text);
      return true;
    });
    const actions: Record<string, Action> = {
      DescribeZones: () => ({ TotalCount: 1, ZoneSet: [{ Colour: 'red' }] }),
      DescribeRegions: () => {
        throw new ApiError('InvalidImageName.Duplicate', 'an error of another action');
      },
    };
    const ask = async (action: string, strict: boolean): Promise<string> => {
      const world = worldForTest();
      const dispatcher = new Dispatcher(
        world,
        actions,
        {},
        { rates: new Rates(0), sleep: () => Promise.resolve(), strictAnswers: strict },
      );
      const answer = await dispatcher.answer(signed(action));
      assert.equal(answer.kind, 'json');
      return codeOf(answer);
    };
    assert.equal(await ask('DescribeZones', false), 'OK');
    assert.equal(await ask('DescribeRegions', false), 'InvalidImageName.Duplicate');
    assert.deepEqual(written, []);
    assert.equal(await ask('DescribeZones', true), 'InternalError');
    assert.match(written.join(), /DescribeZones\.ZoneSet\.0\.Colour is not in the description/);
    assert.equal(await ask('DescribeRegions', true), 'InternalError');
    assert.match(written.join(), /DescribeRegions does not list the error code InvalidImageName\.Duplicate/);
  });
});

function worldForTest(): World {
  const world = new World({ speed: 60, durations: {}, switches: defaultSwitches, reactions: {} });
  plant(world, defaultSeed());
  return world;
}

/** A V1 request without parameters of its own. */
function signed(action: string): Parameters<Dispatcher['answer']>[0] {
  const params = {
    Action: action,
    Version: '2017-03-12',
    Region: 'ap-tokyo',
    Timestamp: String(Math.floor(Date.now() / 1000)),
    Nonce: '1',
    SecretId: 'AKIDsimulator',
  };
  const host = '127.0.0.1';
  const Signature = v1Signature({ method: 'GET', host, path: '/', params, algorithm: 'HmacSHA1' }, 'simulator');
  const query = new URLSearchParams({ ...params, Signature }).toString();
  return { method: 'GET', path: '/', query, authority: '', headers: { host }, body: Buffer.alloc(0) };
}
