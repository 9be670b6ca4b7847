import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { chromiumArguments, findChromium } from '../../scripts/chromium';
import { type Simulator, startSimulator } from '../../simulator/index';
import { Cloud, stopClock, until } from './support';

function chromiumOrNot(): string | undefined {
  try {
    return findChromium();
  } catch {
    return undefined;
  }
}

const executablePath = chromiumOrNot();

describe('the page', { skip: executablePath === undefined ? 'there is no Chromium' : false }, () => {
  let browser: Browser;
  let simulator: Simulator;
  let page: Page;
  const problems: string[] = [];

  before(async () => {
    browser = await chromium.launch({ executablePath: executablePath!, args: [...chromiumArguments] });
    simulator = await startSimulator({ speed: 60, rateScale: 0 });
    page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('favicon')) problems.push(message.text());
    });
    await page.goto(simulator.url);
    await page.getByText('ins-web00001').first().waitFor();
  });
  after(async () => {
    await browser.close();
    await simulator.close();
    assert.deepEqual(problems, []);
  });

  const cell = (table: string, text: string): Promise<void> =>
    page.locator(`#${table} tr`, { hasText: text }).first().waitFor();

  test('shows instances, images on their way, snapshots, and the calls with their outcome', async () => {
    const cloud = new Cloud(simulator.port);
    const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'of the page', InstanceId: 'ins-api00001' });
    await cloud.refused('InvalidImageName.Duplicate', 'CreateImage', {
      ImageName: 'of the page',
      InstanceId: 'ins-web00001',
    });
    await cell('images', String(ImageId));
    await page.locator('#images', { hasText: /CREATING \d+ %/ }).waitFor();
    await cell('operations', 'image.done');
    await cell('snapshots', 'disk-apisys01');
    await cell('calls', 'InvalidImageName.Duplicate');
    await page.locator('#instances tr', { hasText: 'ins-api00001' }).getByText('CreateImage').waitFor();
  });

  test('arms a fault, which then fires, and disarms it', async () => {
    const cloud = new Cloud(simulator.port);
    await page.getByLabel('Action').fill('DescribeImages');
    await page.getByLabel('Kind').selectOption('error');
    await page.getByRole('button', { name: 'Arm', exact: true }).click();
    await cell('faults', 'InternalError');
    await cloud.refused('InternalError', 'DescribeImages');
    await page
      .locator('#faults tr', { hasText: 'DescribeImages' })
      .getByRole('button', { name: /^Disarm/ })
      .click();
    await until('disarmed', async () => (simulator.faults().length === 0 ? Promise.resolve(true) : undefined));
    await page.getByText('Outage of 30 seconds').click();
    await cell('faults', 'http-502');
    assert.equal((await cloud.send('DescribeImages', {})).status, 502);
    await page.getByText('Disarm all').click();
    await until('disarmed', async () => (simulator.faults().length === 0 ? Promise.resolve(true) : undefined));
  });

  test('holds a call, and lets it go', async () => {
    const cloud = new Cloud(simulator.port);
    await page.getByLabel('Action').fill('StopInstances');
    await page.getByLabel('Kind').selectOption('pause');
    await page.getByRole('button', { name: 'Arm', exact: true }).click();
    await cell('faults', 'pause');
    const held = cloud.ask('StopInstances', { InstanceIds: ['ins-web00002'] });
    await page.getByText('Release 1').click();
    await held;
    await page.getByText('Disarm all').click();
  });

  test('acts as someone else, and moves the clock', async () => {
    const cloud = new Cloud(simulator.port);
    await page.getByLabel('Stop ins-web00001').click();
    await page.locator('#instances tr', { hasText: 'ins-web00001' }).getByText('STOPPED', { exact: true }).waitFor();
    assert.equal((await cloud.instance('ins-web00001')).InstanceState, 'STOPPED');
    await page.getByText('Stop the clock').click();
    await page.getByText('Start the clock').waitFor();
    await cloud.ask('StartInstances', { InstanceIds: ['ins-web00001'] });
    const next = page.getByText('On to the next event');
    await until('RUNNING', async () => {
      await next.click();
      return (await cloud.instance('ins-web00001')).InstanceState === 'RUNNING' ? true : undefined;
    });
    await page.getByText('Start the clock').click();
    await page.getByText('Stop the clock').waitFor();
  });

  test('stays quick with thousands of resources', async () => {
    await stopClock(simulator.url);
    const region = 'ap-tokyo';
    const images = Array.from({ length: 2000 }, (_, index) => ({
      region,
      name: `n${index}`,
      dataDisks: [10, 10, 10, 10],
    }));
    simulator.seed({ images, instances: Array.from({ length: 1000 }, () => ({ region })) });
    await page.getByLabel('Region').selectOption({ label: region }, { timeout: 10_000 });
    await page.getByText('100 newest of 10000').waitFor();
    const milliseconds = await page.evaluate(async () => {
      // The best of several, so that a busy machine does not decide.
      let best = Infinity;
      for (let round = 0; round < 10; round++) {
        const begun = performance.now();
        await (await fetch('/_simulator/overview?region=ap-tokyo')).json();
        best = Math.min(best, performance.now() - begun);
      }
      return best;
    });
    assert.ok(milliseconds < 150, `${milliseconds} ms for what the page asks each second`);
  });
});
