import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { freePorts } from '../../dev/ports';
import { stopStack } from '../../dev/stack/stack';
import type { FamilyImage, Release } from '../../contract';
import type { EndedRelease, ScheduleState } from '../../client';
import { Program } from '../support/program';
import { SimulatorControl } from '../support/simulator';

const root = path.resolve(__dirname, '../../..');
const example = path.join(root, 'docs', 'examples', 'nightly', 'README.md');
const run = promisify(execFile);

void describe('docs/examples/nightly', () => {
  let folder: string | undefined;
  after(async () => {
    if (folder === undefined) return;
    await stopStack(folder);
    await rm(folder, { recursive: true, force: true });
  });

  test('its commands lead to what it says: four nights, one rejected, the oldest retired, current in two regions', async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'nightly-'));
    const [temporal, ui, simulator] = await freePorts(3);
    const blocks = [...(await readFile(example, 'utf8')).matchAll(/```\n([\s\S]*?)```/g)].map(([, block]) => block!);
    const [start, apply, look] = blocks as [string, string, string];
    const speed = /--speed \d+/.exec(start)![0].split(' ');
    const ports = [`--temporal-port=${temporal!}`, `--ui-port=${ui!}`, `--simulator-port=${simulator!}`];
    const stack = new Program('dev/main.js', [...ports, `--data=${folder}`, ...speed]);
    await stack.says('Ctrl-C stops everything');

    const env = { PATH: process.env.PATH, HOME: folder, TEMPORAL_ADDRESS: `127.0.0.1:${temporal!}` };
    const command = path.join(root, 'dist', 'client', 'main.js');
    const shell = async (line: string) => {
      const own = line
        .replaceAll('npx cvm-image', `"${process.execPath}" "${command}"`)
        .replace(':18080', `:${simulator!}`);
      return (await run('sh', ['-ec', own], { cwd: root, env })).stdout;
    };
    const commands = apply.trim().split('\n');
    assert.equal(commands.length, 3);
    const begin = Date.now();
    for (const line of commands) await shell(line);

    const json = async <T>(line: string) => JSON.parse(await shell(`npx cvm-image ${line} --json`)) as T;
    const state = async () => (await json<ScheduleState[]>('schedule list'))[0];
    for (;;) {
      const now = await state();
      if (now?.last?.nominalAt === '2026-11-24T18:00:00.000Z' && !now.blockedBy) break;
      assert.ok(Date.now() < begin + 240_000, JSON.stringify(now));
      await wait(500);
    }
    const took = (Date.now() - begin) / 1000;
    assert.ok(took <= 120, `within two minutes, and it took ${took} s`);

    const nights = (await json<EndedRelease[]>('release list --family nightly')).reverse();
    assert.deepEqual(
      nights.map(({ outcome, nominalAt }) => [outcome, nominalAt]),
      [
        ['rejected', '2026-11-21T18:00:00.000Z'],
        ['released', '2026-11-22T18:00:00.000Z'],
        ['released', '2026-11-23T18:00:00.000Z'],
        ['released', '2026-11-24T18:00:00.000Z'],
      ],
    );
    const [first, second, third, fourth] = (await Promise.all(
      nights.map(({ buildId }) => json<Release>(`release show ${buildId}`)),
    )) as [Release, Release, Release, Release];
    // The first is rejected by its boot test, and by nothing else; it went nowhere.
    const bad = first.images[0]!.imageId;
    assert.equal(first.test?.passed, false);
    assert.match(first.reason!, new RegExp(`^test: ${bad} has failed its test: .*did not come up`));
    assert.deepEqual(
      first.images.map(({ region, state: of }) => [region, of]),
      [['ap-guangzhou', 'rejected']],
    );
    // It is retired a night later, with its snapshots.
    assert.deepEqual(
      second.retired.map(({ imageId, outcome, problem }) => [imageId, outcome, problem]),
      [[bad, 'deleted', undefined]],
    );
    const cloud = new SimulatorControl(`http://127.0.0.1:${simulator!}`);
    const { images, snapshots } = await cloud.state('ap-guangzhou');
    // So is the oldest release, in both regions, as soon as there are three.
    assert.deepEqual(
      fourth.retired.map(({ region, imageId, outcome, problem }) => [region, imageId, outcome, problem]).sort(),
      second.images.map(({ region, imageId }) => [region, imageId, 'deleted', undefined]).sort(),
    );
    assert.deepEqual(third.retired, []);
    const gone = [first, second].flatMap(({ images: [image] }) => [
      image!.imageId,
      ...image!.snapshotIds,
      ...image!.snapshots.map((one) => one.snapshotId),
    ]);
    assert.ok(gone.length >= 8, 'the system disk and both data disks had snapshots');
    assert.deepEqual(
      [...images, ...snapshots].filter(({ id }) => gone.includes(id)),
      [],
    );
    assert.equal(fourth.promoted?.previous, third.images[0]!.imageId);

    for (const region of ['ap-guangzhou', 'ap-shanghai']) {
      const family = await json<{ images: FamilyImage[] }>(`family show nightly --region ${region}`);
      assert.deepEqual(
        family.images.map(({ name, state: of, release }) => [name, of, release]),
        [
          ['nightly-20261125-1', 'current', fourth.buildId],
          ['nightly-20261124-1', 'released', third.buildId],
        ],
      );
      const current = (await shell(`npx cvm-image current nightly --region ${region}`)).trim();
      assert.equal(current, fourth.images.find((image) => image.region === region)!.imageId);
    }
    // What the example says to look at, as people read it.
    const told: string[] = [];
    for (const line of look.trim().split('\n')) told.push(await shell(line));
    assert.match(told[0]!, new RegExp(`${second.buildId} +released[^]*${first.buildId} +rejected`));
    assert.match(told.at(-1)!, /released in/);
    const again = await shell('npx cvm-image pipeline apply -f docs/examples/nightly/pipeline.yaml');
    assert.match(again, /Nothing has changed/);
    stack.signal('SIGINT');
    assert.equal(await stack.ended, 0);
  });
});
