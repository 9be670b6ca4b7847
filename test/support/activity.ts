import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { randomBytes } from 'node:crypto';
import { type Activities, createActivities } from '../../activities';
import type { ActivitySettings } from '../../activities/settings';
import { type BuildRef, checkSpec, type BuildSpecInput, type SourceFacts } from '../../contract';
import { startSimulator } from '../../simulator';
import { testDurations } from './build-stack';
import { testSettings, useSimulatorCredentials } from './settings';
import { SimulatorControl } from './simulator';

/** The activities against a simulator, without a Temporal server. */
export interface ActivityBench {
  cloud: SimulatorControl;
  /** Runs an activity as Temporal would: `attempt` counts from 1. */
  run<N extends keyof Activities>(
    name: N,
    input: Parameters<Activities[N]>[0],
    attempt?: number,
  ): Promise<Awaited<ReturnType<Activities[N]>>>;
  /** An instance of a test's own and a build of it. */
  build(form?: Record<string, unknown>): Promise<BuildRef>;
  /** What inspectSource says of the build's source. */
  source(build: BuildRef, spec?: Partial<BuildSpecInput>): Promise<SourceFacts>;
  stop(): Promise<void>;
}

export const region = 'ap-guangzhou';

/** @param client for activities that ask Temporal themselves */
export async function startActivityBench(
  settings: Partial<ActivitySettings> = {},
  client?: Client,
): Promise<ActivityBench> {
  useSimulatorCredentials();
  const simulator = await startSimulator({ port: 0, speed: 600, rateScale: 0, durations: testDurations });
  const cloud = new SimulatorControl(simulator.url);
  await cloud.seed({ imageQuota: { [region]: 500 } });
  // There is no Temporal server here that could say whether an attempt is the current one.
  const lease = () => ({ confirm: () => Promise.resolve() });
  const activities = createActivities(testSettings(simulator.url, settings), lease);

  const run: ActivityBench['run'] = (name, input, attempt = 1) => {
    const info = {
      attempt,
      activityType: name,
      heartbeatTimeoutMs: 5000,
      scheduledTimestampMs: Date.now(),
      scheduleToCloseTimeoutMs: 60_000,
    };
    const environment = new MockActivityEnvironment(info, client ? { client } : {});
    return environment.run(activities[name] as never, input) as never;
  };
  const specOf = (build: BuildRef, more: Partial<BuildSpecInput> = {}) => {
    const check = checkSpec({ region, instanceId: build.instanceId, image: { name: 'x' }, ...more });
    if (!check.ok) throw new Error(JSON.stringify(check.problems));
    return check.spec;
  };
  return {
    cloud,
    run,
    build: async (form = {}) => {
      const suffix = randomBytes(4).toString('hex');
      await cloud.seed({ instances: [{ region, id: `ins-${suffix}`, dataDisks: 2, ...form }] });
      return { buildId: `${suffix}-000000000001`, region, instanceId: `ins-${suffix}`, reset: false };
    },
    source: (build, spec) =>
      run('inspectSource', { build, spec: specOf(build, spec), imageName: `image-${build.buildId}` }),
    stop: () => simulator.close(),
  };
}
