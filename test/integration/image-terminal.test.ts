import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { leftOf, region, seedImage } from '../support/images';
import { Terminal } from '../support/terminal';

const command = path.resolve(__dirname, '../../client/main.js');

describe('deleting and launching in a terminal', { concurrency: 3 }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-image-terminal-'));
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 100 } });
  });
  after(async () => {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const open = (...args: string[]) =>
    new Terminal(process.execPath, [command, ...args, '--region', region], {
      env: {
        HOME: folder,
        TEMPORAL_ADDRESS: stack.temporal.address,
        TEMPORAL_NAMESPACE: stack.temporal.namespace,
        CVM_IMAGE_TASK_QUEUE: stack.taskQueue,
      },
    });

  for (const [what, keys] of [
    ['no', 'n\r'],
    ['just Enter', '\r'],
    ['Ctrl-C', '\x03'],
    ['Ctrl-D', '\x04'],
  ] as const) {
    test(`answered with ${what}, nothing is deleted`, async () => {
      const image = await seedImage(stack.cloud);
      const terminal = open('delete', image.imageId);
      try {
        await terminal.shows('Delete the image and 2 snapshots for good? [y/N]');
        for (const id of [image.imageId, image.boundId, image.dataId]) assert.ok(terminal.screen.includes(id), id);
        terminal.type(keys);
        assert.equal(await terminal.ended(), 5, terminal.screen);
        assert.match(terminal.screen, /Nothing was deleted\./);
        assert.equal((await leftOf(stack.cloud, image)).length, 3);
      } finally {
        await terminal.close();
      }
    });
  }

  test('answered with y, all of it goes, and the picture ends with what is gone', async () => {
    const image = await seedImage(stack.cloud);
    const terminal = open('delete', `image-${image.imageId.slice(4)}`);
    try {
      await terminal.shows('[y/N]');
      terminal.type('y\r');
      assert.equal(await terminal.ended(), 0, terminal.screen);
      assert.match(terminal.screen, /✓ inspectDeletion[^]+✓ deleteImage[^]+✓ deleteSnapshots/);
      assert.match(terminal.screen, new RegExp(`Image ${image.imageId} \\(\\S+\\) is deleted`));
      assert.deepEqual(await leftOf(stack.cloud, image), []);
    } finally {
      await terminal.close();
    }
  });

  test('a launch is drawn like a build', async () => {
    const image = await seedImage(stack.cloud);
    const terminal = open('launch', image.imageId, '--zone', 'ap-guangzhou-3');
    try {
      assert.equal(await terminal.ended(), 0, terminal.screen);
      const headers = terminal.lines.filter((line) => line.startsWith('Launch of image '));
      assert.equal(headers.length, 1, terminal.screen);
      assert.match(terminal.screen, /✓ inspectLaunch[^]+✓ launchInstance[^]+✓ keepResources/);
      assert.doesNotMatch(terminal.screen, /of undefined|source down/);
    } finally {
      await terminal.close();
    }
  });
});
