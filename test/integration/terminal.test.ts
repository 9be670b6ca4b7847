import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, startBuild, stepNames } from '../../client';
import { freePorts } from '../../dev/ports';
import { startTemporalServer } from '../../dev/temporal-server/server';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { Program } from '../support/program';
import { Terminal } from '../support/terminal';

const region = 'ap-guangzhou';
const command = path.resolve(__dirname, '../../client/main.js');
const folder = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-terminal-'));
after(() => rmSync(folder, { recursive: true }));

/** The rows of the live view: from its header to its last step. */
function pictureOf(lines: string[]): string[] {
  const begin = lines.findIndex((line) => /^Image \S+ of ins-/.test(line));
  const end = lines.findIndex((line, index) => index > begin && line.includes(stepNames.at(-1)!));
  return lines.slice(begin, end + 1);
}
const headersIn = (lines: string[]) => lines.filter((line) => /^Image \S+ of ins-/.test(line)).length;

describe('the live view in a terminal', { concurrency: 2 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack({ simulator: { speed: 150 } });
    await stack.cloud.seed({ imageQuota: { [region]: 100 } });
  });
  after(() => stack.stop());

  const environment = (more: NodeJS.ProcessEnv = {}) => ({
    HOME: folder,
    TEMPORAL_ADDRESS: stack.temporal.address,
    TEMPORAL_NAMESPACE: stack.temporal.namespace,
    CVM_IMAGE_TASK_QUEUE: stack.taskQueue,
    ...more,
  });
  /** The command builds an image of an instance of its own. */
  async function build(size: { columns: number; rows: number }, env: NodeJS.ProcessEnv = {}) {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const spec = ['--region', region, '--instance', instanceId, '--image-name', `tty-${instanceId}`];
    const terminal = new Terminal(process.execPath, [command, 'build', ...spec], { ...size, env: environment(env) });
    return { terminal, instanceId };
  }

  for (const [columns, rows] of [
    [40, 40],
    [80, 24],
    [200, 50],
  ] as const) {
    test(`at ${columns} columns: one picture that stays in its place, nothing wrapped`, async () => {
      const { terminal, instanceId } = await build({ columns, rows });
      try {
        assert.equal(await terminal.ended(), 0, terminal.screen);
        const { lines } = terminal;
        assert.equal(headersIn(lines), 1, terminal.screen);
        const picture = pictureOf(lines);
        assert.equal(
          picture[0],
          `Image tty-${instanceId} of ${instanceId} in ${region}`.slice(0, columns - 1) + (columns < 60 ? '…' : ''),
        );
        assert.match(picture[1]!, /^completed · /);
        assert.deepEqual(
          picture.slice(2).map((line) => /^[✓–] (\w+)/.exec(line)?.[1]),
          [...stepNames],
        );
        const first = lines.indexOf(picture[0]);
        assert.deepEqual(terminal.wrappedRows(first, first + picture.length), []);
        assert.match(terminal.screen, /is done in .*\n[^]*RUNNING again/);

        // Whenever somebody looks, there is one whole picture, and it has not moved.
        const pictures = terminal.pictures.filter((some) => headersIn(some) > 0);
        assert.ok(pictures.length > 5, `${pictures.length} pictures`);
        const places = new Set<number>();
        for (const some of pictures) {
          assert.equal(headersIn(some), 1, some.join('\n'));
          places.add(some.findIndex((line) => line.startsWith('Image ')));
          assert.ok(
            stepNames.every((step) => some.some((line) => line.includes(step))),
            some.join('\n'),
          );
        }
        assert.equal(places.size, 1);
        assert.ok(terminal.cursorVisible);
      } finally {
        await terminal.close();
      }
    });
  }

  test('the window made narrower and wider: one picture in the end', async () => {
    const { terminal } = await build({ columns: 80, rows: 24 });
    try {
      await terminal.shows(/^Image tty/m);
      terminal.resize(40, 24);
      await terminal.shows(/[✓▶] snapshotDisks/);
      terminal.resize(120, 30);
      await terminal.shows(/[✓▶] pollImage/);
      terminal.resize(60, 20);
      assert.equal(await terminal.ended(), 0, terminal.screen);
      assert.equal(headersIn(terminal.lines), 1, terminal.screen);
      assert.equal(pictureOf(terminal.lines).length, stepNames.length + 2, terminal.screen);
    } finally {
      await terminal.close();
    }
  });

  test('its colours are seen on dark and on light, and NO_COLOR leaves none', async () => {
    const colored = await build({ columns: 80, rows: 24 });
    const bare = await build({ columns: 80, rows: 24 }, { NO_COLOR: '1' });
    try {
      assert.equal(await colored.terminal.ended(), 0);
      const used = new Set(
        colored.terminal.lines.flatMap((_, row) => colored.terminal.cells(row).map(({ color }) => color)),
      );
      used.delete(undefined);
      assert.ok(used.size > 0);
      for (const color of used) {
        for (const background of ['#ffffff', '#000000']) {
          const contrast = contrastOf(xtermPalette[color!] ?? background, background);
          assert.ok(contrast > 2, `colour ${color!} on ${background}: ${contrast}`);
        }
      }
      assert.equal(await bare.terminal.ended(), 0);
      // eslint-disable-next-line no-control-regex -- SGR: colours and weights
      assert.doesNotMatch(bare.terminal.written, /\x1b\[[\d;]*m/);
      assert.match(bare.terminal.screen, /✓ pollImage/);
    } finally {
      await colored.terminal.close();
      await bare.terminal.close();
    }
  });
});

/** What xterm shows for the colours that the view uses; other terminals are milder. */
const xtermPalette: Record<number, string> = { 1: '#cd0000', 2: '#00cd00', 5: '#cd00cd' };

/** Contrast of two colours as WCAG has it, 1 to 21. */
function contrastOf(one: string, other: string): number {
  const luminance = (color: string) =>
    [1, 3, 5]
      .map((at) => parseInt(color.slice(at, at + 2), 16) / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
      .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index]!, 0);
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

test('a connection that is lost comes back: Temporal is killed and started again with its file', async () => {
  const [port] = await freePorts(1);
  const options = { port: port!, dbFile: path.join(folder, 'temporal.db'), namespace: 'lost' };
  let server = await startTemporalServer(options);
  const { client, close } = await connect(server);
  const env = { HOME: folder, TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: 'lost' };
  const spec = { region, instanceId: 'ins-lost0001', image: { name: 'lost' } };
  const { workflowId, runId } = await startBuild(client, spec, { taskQueue: 'nobody' });
  const terminal = new Terminal(process.execPath, [command, 'watch', workflowId], { env });
  const piped = new Program('client/main.js', ['watch', workflowId], { ...process.env, ...env });
  try {
    await terminal.shows('! no worker is polling task queue nobody');
    await piped.says('no worker is polling task queue nobody');
    await server.child.stop(0);
    const lost = /Temporal (does not answer in time|cannot be reached); trying again/;
    await terminal.shows(lost);
    await piped.says(lost);
    const clock = () => /checking · (.+?) ·/.exec(terminal.screen)?.[1];
    const before = clock();
    await terminal.shows(() => clock() !== before);
    server = await startTemporalServer(options);
    await terminal.shows((one) => !lost.test(one.screen) && one.screen.includes('no worker is polling'));
    assert.equal(headersIn(terminal.lines), 1, terminal.screen);
    await client.workflow.getHandle(workflowId, runId).terminate('enough');
    assert.equal(await terminal.ended(), 1);
    assert.match(terminal.screen, /was terminated/);
    assert.equal(await piped.ended, 1);
    assert.match(piped.output, /was terminated/);
    // eslint-disable-next-line no-control-regex -- nothing that only a terminal understands
    assert.doesNotMatch(piped.output, /\x1b/);
  } finally {
    await terminal.close();
    await piped.end();
    await close();
    await server.stop();
  }
});
