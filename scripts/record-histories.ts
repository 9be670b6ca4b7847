import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { ofRun } from '../test/replay/of-run';
import { scenarios } from '../test/replay/scenarios';
import { startBuildStack } from '../test/support/build-stack';
import { version } from '../package.json';

/**
 * Records the history of every scenario, or of those named, as `test/histories/<version>-<scenario>.json`. Recordings of
 * earlier versions stay: they are what a changed workflow has to be able to replay.
 */
async function record(names: string[]): Promise<void> {
  const wanted = scenarios.filter(({ name }) => names.length === 0 || names.includes(name));
  if (wanted.length < names.length)
    throw new Error(`the scenarios are ${scenarios.map(({ name }) => name).join(', ')}`);
  const folder = path.resolve(__dirname, '../../test/histories');
  const stack = await startBuildStack();
  try {
    await stack.cloud.seed({ imageQuota: { 'ap-guangzhou': 100 } });
    for (const { name, ends, run } of wanted) {
      const handle = await run(stack);
      await handle.result().catch(() => undefined);
      const { status, runId } = await handle.describe();
      if (status.name !== ends) throw new Error(`${name} ended as ${status.name}, not as ${ends}`);
      const file = path.join(folder, `${version}-${name}.json`);
      const history: unknown = JSON.parse(historyToJSON(ofRun(await handle.fetchHistory(), runId)), withoutThisMachine);
      writeFileSync(file, `${JSON.stringify(history, null, 1)}\n`);
      console.log(path.relative(process.cwd(), file));
    }
  } finally {
    await stack.stop();
  }
}

/** Stack traces and identities tell of the machine that recorded, and no replay reads them. */
function withoutThisMachine(key: string, value: unknown): unknown {
  if (key === 'stackTrace') return '';
  return key === 'identity' ? 'recorder' : value;
}

void record(process.argv.slice(2));
