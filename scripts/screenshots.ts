import { SerializeAddon } from '@xterm/addon-serialize';
import { Terminal } from '@xterm/headless';
import { type Browser, chromium } from 'playwright-core';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromiumArguments, findChromium } from './chromium';

/**
 * Makes the pictures of the README and of docs/, as things really are: the demo in a terminal and its build in the Temporal Web
 * UI; a build that is held, in both, and the list of what is held; a release that waits for its approval, the same when it is
 * out, and the schedule that it is of. `node dist/scripts/screenshots.js schedule` makes only those whose name begins so.
 * Needs Chromium (`CHROMIUM_PATH`, or on the PATH) and the `script` command for a pseudo-terminal.
 */
const root = path.resolve(__dirname, '../..');
const pictures = path.join(root, 'docs/images');
const size = { cols: 104, rows: 48 };
const ports = ['--temporal-port', '7333', '--ui-port', '8333', '--simulator-port', '18180'];
const webUi = 'http://127.0.0.1:8333';
const simulator = 'http://127.0.0.1:18180';

async function main(): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  const data = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-screenshots-'));
  const flags = [...ports, '--data', data];
  const browser = await chromium.launch({
    executablePath: findChromium(),
    args: [...chromiumArguments],
  });
  try {
    const terminal = await run('dist/dev/demo.js', ['--keep', ...flags]);
    await photographTerminal(browser, terminal, path.join(pictures, 'demo.png'));
    await photographWebUi(browser, addressIn(terminal), 'pollImage', 'web-ui.png');
    await photographHeld(browser);
    await photographRelease(browser, data);
  } finally {
    await browser.close();
    execFileSync(process.execPath, ['dist/dev/demo.js', '--stop', ...flags], { cwd: root, stdio: 'inherit' });
    rmSync(data, { recursive: true, force: true });
  }
}

/** A build whose image fails, held for somebody to mend it. */
async function photographHeld(browser: Browser): Promise<void> {
  const fault = { action: 'CreateImage', kind: 'image-fails', contains: 'ins-db000001' };
  await fetch(`${simulator}/_simulator/faults`, { method: 'POST', body: JSON.stringify(fault) });
  const source = ['--region', 'ap-guangzhou', '--instance', 'ins-db000001'];
  const spec = ['--image-name', 'db-{date}-{time}', '--family', 'db', '--on-failure', 'hold'];
  const terminal = await command(['build', ...source, ...spec], 4);
  await photographTerminal(browser, terminal, path.join(pictures, 'held.png'));
  await photographWebUi(browser, `${addressIn(terminal)}/user-metadata`, 'Current Details', 'held-web-ui.png');
  const query = encodeURIComponent("BuildPhase = 'held' AND ExecutionStatus = 'Running'");
  const list = `${webUi}/namespaces/default/workflows?query=${query}`;
  await photographWebUi(browser, list, 'ins-db000001', 'held-list.png');
}

/** A release of the nightly example, which somebody has to approve here. */
async function photographRelease(browser: Browser, data: string): Promise<void> {
  const example = readFileSync(path.join(root, 'docs/examples/nightly/pipeline.yaml'), 'utf8');
  const file = path.join(data, 'pipeline.yaml');
  writeFileSync(file, `${example}approve:\n  deadline: 3d\n`);
  await command(['pipeline', 'apply', '-f', file]);
  const id = 'golden-image/ap-guangzhou/nightly';
  const address = addressIn(await command(['schedule', 'trigger', id], 4));
  await photographWebUi(browser, `${address}/user-metadata`, 'Current Details', 'waiting-web-ui.png');
  await command(['approve', id, '--by', 'Ada', '--reason', 'looks good']);
  const shown = await command(['release', 'show', id]);
  await photographTerminal(browser, shown, path.join(pictures, 'release.png'));
  await photographWebUi(browser, address, 'copyImage', 'release-web-ui.png');
  await command(['schedule', 'trigger', id, '--detach']);
  const schedule = `${webUi}/namespaces/default/schedules/${encodeURIComponent(id)}`;
  await photographWebUi(browser, schedule, '2 Recent Runs', 'schedule-web-ui.png');
}

/** Runs `cvm-image` in a pseudo-terminal. */
function command(args: string[], ends = 0): Promise<Terminal> {
  const env = { TEMPORAL_ADDRESS: '127.0.0.1:7333', TEMPORAL_UI_URL: webUi };
  return run('dist/client/main.js', args, env, ends);
}

/** The address in the Web UI that stands on a terminal. */
function addressIn(terminal: Terminal): string {
  const text = textOf(terminal);
  const address = /http:\/\/127\.0\.0\.1:8333\/namespaces\/\S+/.exec(text)?.[0];
  if (address === undefined) throw new Error(`no address of the Web UI was printed:\n${text}`);
  return address;
}

/** Runs a program of ours in a pseudo-terminal, as a person would see it. */
async function run(script: string, args: string[], env: NodeJS.ProcessEnv = {}, ends = 0): Promise<Terminal> {
  const terminal = new Terminal({ ...size, allowProposedApi: true, scrollback: 1000 });
  const inside = `stty cols ${size.cols} rows ${size.rows}; exec '${process.execPath}' ${[script, ...args].map((word) => `'${word}'`).join(' ')}`;
  const child = spawn('script', ['-qefc', inside, '/dev/null'], {
    cwd: root,
    env: { ...process.env, ...env, TERM: 'xterm-256color', NO_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.on('data', (chunk: Buffer) => terminal.write(chunk));
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once('close', resolve).once('error', reject),
  );
  await new Promise<void>((resolve) => terminal.write('', resolve));
  if (code !== ends) throw new Error(`${script} ended with ${code}:\n${textOf(terminal)}`);
  return terminal;
}

/** What stands on the terminal, lines that were wrapped put together again. */
function textOf(terminal: Terminal): string {
  const { active } = terminal.buffer;
  let text = '';
  for (let row = 0; row < active.length; row += 1) {
    const line = active.getLine(row)!;
    text += `${line.isWrapped ? '' : '\n'}${line.translateToString(true)}`;
  }
  return text;
}

/** Whether a picture is asked for. */
function isWanted(name: string): boolean {
  const wanted = process.argv.slice(2);
  return wanted.length === 0 || wanted.some((one) => name.startsWith(one));
}

async function photographTerminal(browser: Browser, terminal: Terminal, file: string): Promise<void> {
  if (!isWanted(path.basename(file))) return;
  const serializer = new SerializeAddon();
  terminal.loadAddon(serializer);
  const page = await browser.newPage({ deviceScaleFactor: 1.5 });
  const html = serializer.serializeAsHTML({ onlySelection: false, includeGlobalBackground: false });
  const style =
    'body{margin:0;display:inline-block;background:#fff} pre{margin:0;padding:16px;font:14px/1.35 "DejaVu Sans Mono",monospace}';
  await page.setContent(`<style>${style} pre>div{all:unset;display:block}</style>${html}`);
  // The rest of the terminal is empty. As text, since this project's types know no browser.
  await page.evaluate(`
    const rows = [...document.querySelectorAll('pre > div > div')];
    while (rows.at(-1)?.textContent.trim() === '') rows.pop().remove();
  `);
  await page.locator('body').screenshot({ path: file });
  await page.close();
  console.log(path.relative(root, file));
}

/** @param shows text that is there once the page is */
async function photographWebUi(browser: Browser, address: string, shows: string, name: string): Promise<void> {
  if (!isWanted(name)) return;
  const file = path.join(pictures, name);
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
  await page.goto(address);
  await page.getByText(shows).first().waitFor({ timeout: 30_000 });
  await page.screenshot({ path: file });
  await page.close();
  console.log(path.relative(root, file));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
