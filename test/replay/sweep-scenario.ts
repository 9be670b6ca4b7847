import { buildIdOf } from '../../contract';
import { until } from '../support/judge';
import { lookedAt, startSweep } from '../support/sweep';
import type { Scenario } from './scenarios';

/** A region in which nothing else is swept. */
const region = 'ap-shanghai';

/** A source that is owed a start, and a snapshot that is left over. */
export const sweepScenario: Scenario = {
  name: 'sweep',
  ends: 'COMPLETED',
  run: async (stack) => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const { met } = await stack.cloud.stall('CreateImage', `/${instanceId.slice(4)}-`);
    const build = await stack.start({ region, instanceId, image: { name: `replay-${instanceId}` } });
    await until(async () => ((await met()) ? true : undefined));
    const { runId } = await build.describe();
    await build.terminate('to be swept');
    await lookedAt(stack, buildIdOf(instanceId, runId), { region });
    return startSweep(stack, { region, apply: true });
  },
};
