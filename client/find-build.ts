import type { Client } from '@temporalio/client';
import { buildWorkflowId, deleteWorkflowType, goldenImageWorkflowType, launchWorkflowType } from '../contract';
import { BuildNotFoundError, ClientError } from './errors';
import type { BuildRun } from './follow-build';
import { findBuilds, quoted } from './list-builds';

const instancePattern = /^ins-[0-9a-z]{8}$/;
const buildPattern = /^([0-9a-z]{8})-([0-9a-f]{12})$/;
const operationPattern = /^(launch|delete|release)-[0-9a-f]{12}$/;

/**
 * Finds a build by its workflow ID, its build ID, or its source instance (the latest build of it). A launch or a deletion
 * is found by its workflow ID or its own ID.
 *
 * @param region says which instance is meant; only needed when builds of several regions have the same instance ID
 * @throws {BuildNotFoundError}
 */
export async function findBuild(client: Client, id: string, region?: string): Promise<BuildRun> {
  const build = buildPattern.exec(id);
  if (build) return byBuildId(client, id, `ins-${build[1]!}`, build[2]!);
  if (instancePattern.test(id)) {
    return region === undefined ? byInstance(client, id) : { workflowId: buildWorkflowId(region, id) };
  }
  if (operationPattern.test(id)) return byOperationId(client, id);
  if (id.includes('/')) return { workflowId: id };
  throw new BuildNotFoundError(
    `${id} is no build: expected a workflow ID (build-image/ap-guangzhou/ins-1a2b3c4d), a build ID ` +
      `(1a2b3c4d-0123456789ab) or an instance ID (ins-1a2b3c4d). cvm-image list shows the builds.`,
  );
}

async function byBuildId(client: Client, id: string, instanceId: string, runTail: string): Promise<BuildRun> {
  const [found] = await findBuilds(client, [`BuildId = ${quoted(id)}`], 1);
  if (found) return found;
  // Until a worker has seen the build, it has no such attribute.
  const ofInstance = await findBuilds(client, [`SourceInstanceId = ${quoted(instanceId)}`], 100);
  const match = ofInstance.find(({ runId }) => runId.endsWith(runTail));
  if (match) return match;
  throw new BuildNotFoundError(`There is no build ${id}. cvm-image list --all shows those that Temporal knows.`);
}

async function byOperationId(client: Client, id: string): Promise<BuildRun> {
  const types = { launch: launchWorkflowType, delete: deleteWorkflowType, release: goldenImageWorkflowType };
  const type = types[id.slice(0, id.indexOf('-')) as keyof typeof types];
  const query = `WorkflowType = ${quoted(type)} AND BuildId = ${quoted(id)}`;
  for await (const { workflowId, runId } of client.workflow.list({ query, pageSize: 1 })) return { workflowId, runId };
  throw new BuildNotFoundError(`There is no ${id}. Its workflow ID finds it also before a worker has seen it.`);
}

async function byInstance(client: Client, instanceId: string): Promise<BuildRun> {
  const found = await findBuilds(client, [`SourceInstanceId = ${quoted(instanceId)}`], 100);
  const regions = [...new Set(found.map(({ region }) => region))];
  if (regions.length > 1) {
    throw new ClientError(`${instanceId} has builds in ${regions.join(', ')}: say which with --region`);
  }
  const [latest] = found;
  if (latest) return { workflowId: latest.workflowId };
  throw new BuildNotFoundError(
    `There is no build of ${instanceId}. cvm-image list --all shows those that Temporal knows.`,
  );
}
