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
import type { FamilyImage } from '../../contract';
import type { ScheduleState } from '../../client';
import { Program } from '../support/program';

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

  test('its commands lead to what it says: three nights, one rejected and retired, current in two regions', async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'nightly-'));
    const [temporal, ui, simulator] = await freePorts(3);
    const blocks = [...(await readFile(example, 'utf8')).matchAll(/```\n([\s\S]*?)```/g)].map(([, block]) => block!);
    const [start, apply] = blocks as [string, string];
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
    for (const line of commands) await shell(line);

    const state = async () => (JSON.parse(await shell('npx cvm-image schedule list --json')) as ScheduleState[])[0];
    const giveUp = Date.now() + 240_000;
    for (;;) {
      const now = await state();
      if (now?.last?.nominalAt === '2026-11-24T18:00:00.000Z' && !now.blockedBy) break;
      assert.ok(Date.now() < giveUp, JSON.stringify(now));
      await wait(500);
    }
    const { last } = (await state())!;
    assert.equal(last?.outcome, 'released', last?.reason);
    for (const region of ['ap-guangzhou', 'ap-shanghai']) {
      const family = JSON.parse(await shell(`npx cvm-image family show nightly --region ${region} --json`)) as {
        images: FamilyImage[];
      };
      assert.deepEqual(
        family.images.map(({ name, state: of }) => [name, of]),
        [
          ['nightly-20261125-1', 'current'],
          ['nightly-20261124-1', 'released'],
        ],
      );
      const current = (await shell(`npx cvm-image current nightly --region ${region}`)).trim();
      assert.equal(current, family.images[0]!.imageId);
    }
    const nights = await shell('npx cvm-image pipeline apply -f docs/examples/nightly/pipeline.yaml');
    assert.match(nights, /Nothing has changed/);
    stack.signal('SIGINT');
    assert.equal(await stack.ended, 0);
  });
});
