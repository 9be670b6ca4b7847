import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { version } from '../package.json';
import { workflowSources } from './workflow-sources';

/**
 * Keeps the workflows of this version as `test/bundles/<version>.js.br`, small enough for the repository: minified, compressed, and
 * without their source map. Builds that it began are what later versions have to be able to finish.
 *
 * To be run when a version is released. The bundle belongs to the SDK version that made it: when that changes, those of the versions
 * that are kept are made again from their tags, with `--again`.
 */
async function keep(): Promise<void> {
  const folder = path.resolve(__dirname, '../../test/bundles');
  const file = path.join(folder, `${version}.js.br`);
  const isAgain = process.argv.includes('--again');
  if (!isAgain && existsSync(file)) {
    console.error(
      `${version} is kept already: what it was released with would be lost. Made anew from its tag: --again.`,
    );
    process.exitCode = 1;
    return;
  }
  const { code } = await bundleWorkflowCode({
    ...workflowSources,
    logger: new DefaultLogger('WARN'),
    webpackConfigHook: (config) => ({ ...config, mode: 'production', devtool: false }),
  });
  mkdirSync(folder, { recursive: true });
  const compressed = brotliCompressSync(code);
  writeFileSync(file, compressed);
  console.log(`${path.relative(process.cwd(), file)} (${Math.round(compressed.length / 1024)} KiB)`);
}

void keep();
