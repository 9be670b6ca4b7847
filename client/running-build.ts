import type { Client } from '@temporalio/client';
import { type BuildSpec, buildWorkflowId, specHash } from '../contract';
import { describeRun } from './describe-run';
import { buildIdOfRun } from './outcome';
import { asksFor } from './start-build';
import { statusOf } from './watch';

/** The build that holds the lock of an instance. */
export interface RunningBuild {
  workflowId: string;
  runId: string;
  buildId: string;
  /** Asking for a build with this spec would join it; with another one it would be refused. */
  sameSpec: boolean;
}

/** The build that is running of the spec's instance, if there is one. */
export async function runningBuild(client: Client, spec: BuildSpec): Promise<RunningBuild | undefined> {
  const run = await describeRun(client, buildWorkflowId(spec.region, spec.instanceId));
  if (!run || statusOf(run.status.name) !== 'running') return undefined;
  const { workflowId, runId } = run;
  return { workflowId, runId, buildId: buildIdOfRun(run), sameSpec: await asksFor(client, run, specHash(spec)) };
}
