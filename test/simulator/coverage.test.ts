import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { actions } from '../../simulator/actions';
import { coverage, coverageMarkdown } from '../../simulator/coverage';
import { treatments } from '../../simulator/treatments';
import { type Simulator } from '../../simulator/index';
import { services } from '../../simulator/wire/schema';
import { treat } from '../../simulator/wire/treatment';
import { Cloud, control, simulatorFor } from './support';
import { tour } from './tour';

describe('coverage', { concurrency: true }, () => {
  test('says honoured or checked only of parameters that the action looks at, and ignored of none that it does', async (t) => {
    const read = new Map<string, Set<string>>();
    const simulator: Simulator = await simulatorFor(t, {
      onParameterRead: (action, path) => {
        const paths = read.get(action) ?? new Set<string>();
        read.set(action, paths.add(path));
      },
    });
    await tour(new Cloud(simulator.port));

    const called = new Set(simulator.calls({}).flatMap((call) => (call.outcome === 'OK' ? [call.action] : [])));
    const never = Object.keys(actions).filter((action) => !called.has(action));
    assert.deepEqual(never, [], 'served actions that the tour never called with success');

    const wrong = coverage().flatMap(({ served }) =>
      served.flatMap(({ action, honoured, checked, ignored, refused }) => {
        const seen = read.get(action) ?? new Set();
        return [
          ...[...honoured, ...checked]
            .filter((path) => !seen.has(path))
            .map((path) => `${action}.${path} is not looked at`),
          ...[...ignored, ...refused]
            .filter((path) => seen.has(path))
            .map((path) => `${action}.${path} is looked at, although it is declared ignored or refused`),
        ];
      }),
    );
    assert.deepEqual(wrong, [], 'to be declared in the treatments of the service, or to be called in the tour');
  });

  test('names only actions and parameters that the API has, each once', () => {
    for (const [action, { checked = [], ignored = [], refused = [] }] of Object.entries(treatments)) {
      assert.ok(action in actions, `${action} is not served`);
      const row = coverage()
        .flatMap(({ served }) => served)
        .find((candidate) => candidate.action === action);
      assert.ok(row !== undefined);
      for (const name of [...checked, ...ignored, ...refused]) {
        const found = [...row.checked, ...row.ignored, ...row.refused].filter(
          (path) => path === name || path.startsWith(`${name}.`),
        );
        assert.ok(found.length > 0, `${action} has no parameter ${name}`);
      }
      const all = [...row.checked, ...row.ignored, ...row.refused];
      assert.equal(new Set(all).size, all.length, action);
    }
    for (const action of Object.keys(actions)) {
      assert.ok(
        Object.values(services).some((service) => action in service.actions),
        `${action} is not in the schemas`,
      );
    }
    assert.match(coverageMarkdown(), /\| CreateImage +\| 10 of 12 +\| Sysprep, TagSpecification.ResourceType +\|/);
  });

  test('ignored parameters do not reach the action; refused ones are an error when they ask for something', () => {
    const treatment = { ignored: ['Lists.Colour', 'Note'], refused: ['Inner.Host', 'Extra'] };
    const params = { Lists: [{ Colour: 'red', Size: 1 }, { Size: 2 }], Inner: { Host: '', Zone: 'z' }, Extra: [] };
    assert.deepEqual(treat(treatment, 'A', params), {
      kept: { Lists: [{ Size: 1 }, { Size: 2 }], Inner: { Zone: 'z' } },
      ignored: ['Lists.Colour'],
    });
    for (const asking of [{ Extra: [{ Enabled: true }] }, { Inner: { Host: 'h' } }, { Extra: 'x' }]) {
      assert.throws(() => treat(treatment, 'A', asking), { code: 'UnsupportedOperation' });
    }
  });

  test('is counted as it is missed', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    assert.deepEqual(await control(simulator.url, 'GET', '/unserved'), { actions: {}, ignoredParameters: {} });
    await cloud.refused('InvalidAction', 'ExportImages', { BucketName: 'b' });
    await cloud.refused('InvalidAction', 'ExportImages', { BucketName: 'b' });
    await cloud.refused('InvalidAction', 'Frobnicate');
    await cloud.ask('RebootInstances', { InstanceIds: ['ins-web00001'] });
    await cloud.ask('RunInstances', {
      ImageId: 'img-ubuntu24',
      Placement: { Zone: 'ap-guangzhou-3', ProjectId: 7 },
      DryRun: true,
    });
    await cloud.refused('UnsupportedOperation', 'RunInstances', {
      ImageId: 'img-ubuntu24',
      Placement: { Zone: 'ap-guangzhou-3', HostIds: ['host-00000000'] },
    });
    assert.deepEqual(await control(simulator.url, 'GET', '/unserved'), {
      actions: { ExportImages: 2, Frobnicate: 1 },
      ignoredParameters: { 'RunInstances.Placement.ProjectId': 1 },
    });
    await control(simulator.url, 'POST', '/reset');
    assert.deepEqual(await control(simulator.url, 'GET', '/unserved'), { actions: {}, ignoredParameters: {} });
  });

  test('is counted by name, but nonsense makes neither the list nor the log long', async (t) => {
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const endless = 'A'.repeat(5000);
    for (let number = 0; number < 105; number++) await cloud.refused('InvalidAction', `Frobnicate${number}`);
    await cloud.refused('InvalidAction', 'Frobnicate0');
    await cloud.refused('InvalidAction', endless);
    await cloud.refused('InvalidAction', 'Create.Image');
    await cloud.refused('UnsupportedRegion', 'DescribeZones', {}, { region: endless });
    const { actions } = (await control(simulator.url, 'GET', '/unserved')) as { actions: Record<string, number> };
    assert.deepEqual([actions.Frobnicate0, actions.Frobnicate99, actions['(others)']], [2, 1, 7]);
    assert.equal(Object.keys(actions).length, 101);
    const calls = simulator.calls();
    assert.ok(calls.every(({ action, region }) => action.length <= 65 && region.length <= 65));
    assert.equal(calls.filter(({ action }) => action === `${endless.slice(0, 64)}…`).length, 1);
  });
});
