import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { checkInterference } from '../../simulator/control/interfere';
import { parseFault } from '../../simulator/control/parse-fault';
import { defaultSwitches, realisticDurations } from '../../simulator/options';
import { simulatorFor } from './support';

const project = path.resolve(__dirname, '..', '..', '..');
const readme = readFileSync(path.join(project, 'simulator', 'README.md'), 'utf8');

/** The names that an error message offers after "one of" or "use". */
function offered(act: () => unknown): string[] {
  try {
    act();
  } catch (error) {
    const [, list = ''] = /(?:one of|use) (.+)$/.exec((error as Error).message) ?? [];
    return list.split(', ');
  }
  return [];
}

function missing(names: readonly string[]): string[] {
  assert.ok(names.length > 0);
  return names.filter((name) => !readme.includes(`\`${name}\``));
}

describe("the simulator's README", () => {
  test('names every switch with its default, every duration, every fault and every act', () => {
    for (const [name, value] of Object.entries(defaultSwitches)) {
      assert.match(readme, new RegExp(`\\| \`${name}\` +\\| ${String(value)} +\\|`), name);
    }
    assert.deepEqual(missing(Object.keys(realisticDurations)), []);
    assert.deepEqual(missing(offered(() => parseFault({ kind: 'x' }))), []);
    assert.deepEqual(missing(offered(() => checkInterference({ act: 'x' }))), []);
  });

  test('names every option of the command, and what it says at the start', () => {
    const help = execFileSync(process.execPath, [path.join(project, 'dist', 'simulator', 'main.js'), '--help'], {
      encoding: 'utf8',
    });
    const options = [...help.matchAll(/^ {2}(--[a-z-]+(?: [A-Z=]+)?)/gm)].map(([, option = '']) => option);
    assert.deepEqual(missing(options), []);
  });

  test('names every route of the control API', async (t) => {
    const { url } = await simulatorFor(t);
    const response = await fetch(`${url}/_simulator/nowhere`);
    const { routes } = (await response.json()) as { routes: string[] };
    const told = readme.replaceAll('`', '');
    for (const route of routes) {
      const [, pattern = ''] = route.split(' ');
      const name = pattern
        .replaceAll('\\/', '/')
        .replaceAll('([^/]+)', 'ID')
        .replace(/^\^|\$$/g, '');
      assert.ok(told.includes(`/_simulator${name}`), `${route} is not in the README`);
    }
  });
});
