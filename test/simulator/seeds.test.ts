import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { directory, finish, run } from './process';
import { Cloud, control, otherKey, type Row, simulatorFor } from './support';

const region = 'ap-tokyo';

/** Seeds that are wrong, and the lines that say so. */
const wrong: readonly (readonly [seed: unknown, ...lines: string[]])[] = [
  [7, 'the seed: must be an object, not 7'],
  [{ instances: {} }, 'instances: must be a list, not {}'],
  [{ servers: [] }, 'servers: there is no such field'],
  [{ instances: [{}] }, 'instances[0].region: is missing'],
  [
    { instances: [{ region }, { region, state: 'FLYING', dataDisks: -2, colour: 'red' }] },
    'instances[1].state: must be RUNNING or STOPPED, not "FLYING"',
    'instances[1].dataDisks: must be at least 0, not -2',
    'instances[1].colour: there is no such field',
  ],
  [
    { instances: [{ region, name: 'n'.repeat(129) }] },
    `instances[0].name: must be at most 128 characters long, not "${'n'.repeat(56)}…`,
  ],
  [
    { instances: [{ region, dataDisks: [{ size: 20 }, { size: '20', sise: 1 }] }] },
    'instances[0].dataDisks[1].size: must be a number, not "20"',
    'instances[0].dataDisks[1].sise: there is no such field',
  ],
  [{ instances: [{ region, dataDisks: 21 }] }, 'instances[0].dataDisks: must be at most 20, not 21'],
  [{ instances: [{ region, systemDisk: { size: 0 } }] }, 'instances[0].systemDisk.size: must be at least 1, not 0'],
  [{ instances: [{ region, zone: 'mars-1' }] }, 'instances[0].zone: the zone "mars-1" is not in ap-tokyo'],
  [{ instances: [{ region, account: '7' }] }, 'instances[0].account: unknown account "7"'],
  [{ instances: [{ region, id: 'web' }] }, 'instances[0].id: must be an instance ID (ins- and 8 of 0-9a-z), not "web"'],
  [
    {
      instances: [
        { region, id: 'ins-web00001' },
        { region, id: 'ins-twice001' },
        { region, id: 'ins-twice001' },
      ],
    },
    'instances[0].id: the instance ins-web00001 exists already',
    'instances[2].id: the instance ins-twice001 is there twice',
    'instances[2].systemDisk.id: the disk',
  ],
  [{ images: [{ region, name: '' }] }, 'images[0].name: must not be empty'],
  [{ images: [{ region, name: 'n', dataDisks: [1.5] }] }, 'images[0].dataDisks[0]: must be a whole number, not 1.5'],
  [{ imageQuota: { [region]: -1 } }, 'imageQuota.ap-tokyo: must be at least 0, not -1'],
  [{ imageQuota: { mars: 1 } }, 'imageQuota.mars: unknown region "mars": use ap-guangzhou'],
  [{ accounts: [{ uin: '1' }] }, 'accounts[0].keys: is missing'],
];

describe('a seed', { concurrency: true }, () => {
  test('that is wrong is refused with a line for each field, and adds nothing', async (t) => {
    const { url } = await simulatorFor(t);
    const before = await control(url, 'GET', '/state');
    for (const [seed, ...lines] of wrong) {
      await assert.rejects(control(url, 'POST', '/seed', seed), (error: unknown) => {
        const told = (error as Error).message.split('\n');
        assert.equal(told.length, lines.length, told.join('\n'));
        for (const [index, line] of lines.entries())
          assert.ok(told[index]!.startsWith(line), `${told[index]!} instead of ${line}`);
        return true;
      });
    }
    assert.deepEqual(await control(url, 'GET', '/state'), before);
  });

  test('in a file needs no accounts: the usual ones are there', async (t) => {
    const file = join(await directory(t), 'seed.json');
    writeFileSync(file, JSON.stringify({ instances: [{ region, id: 'ins-alone001' }] }));
    const simulator = await run(t, '--seed-file', file);
    const cloud = new Cloud(simulator.port, region);
    const rows = await cloud.rows('DescribeInstances', 'InstanceSet');
    assert.deepEqual(
      rows.map((row: Row) => row.InstanceId),
      ['ins-alone001'],
    );
    assert.equal((await cloud.in(region, otherKey).ask('DescribeInstances')).TotalCount, 0);
  });

  test('with accounts of its own gives the first of them what names none', async (t) => {
    const keys = [{ secretId: 'AKIDmine', secretKey: 'mine' }];
    const seed = { accounts: [{ uin: '100000000777', keys }], instances: [{ region }] };
    const simulator = await simulatorFor(t, { seed });
    const cloud = new Cloud(simulator.port, region, { secretId: 'AKIDmine', secretKey: 'mine' });
    assert.equal((await cloud.ask('DescribeInstances')).TotalCount, 1);
  });

  test('in a file that is wrong is told with the name of the file', async (t) => {
    const folder = await directory(t);
    const file = join(folder, 'seed.json');
    const told = async (text?: string): Promise<string> => {
      if (text !== undefined) writeFileSync(file, text);
      const { code, err } = await finish('--port', '0', '--seed-file', text === undefined ? join(folder, 'no') : file);
      assert.equal(code, 1);
      return err;
    };
    assert.equal(
      await told('{"instances":[{"region":"ap-tokyo","state":"FLYING"}]}'),
      `simulator: the seed file ${file} is wrong:\ninstances[0].state: must be RUNNING or STOPPED, not "FLYING"\n`,
    );
    assert.match(await told('{'), /^simulator: the seed file .* cannot be read: .*JSON.*\n$/);
    assert.match(await told(), /^simulator: the seed file .*no cannot be read: ENOENT.*\n$/);
  });
});
