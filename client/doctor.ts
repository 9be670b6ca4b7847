import { randomUUID } from 'node:crypto';
import {
  type CheckUpInput,
  type CheckUpReport,
  checkUpWorkflowId,
  checkUpWorkflowType,
  defaultTaskQueue,
  formatSeconds,
  type Health,
  registerCommands,
} from '../contract';
import { askWorker, NoWorkerError } from './ask-worker';
import { connect, type Connected, type ConnectOptions, explainRpcFailure } from './connect';
import { ClientError } from './errors';
import { exitCodes } from './exit-codes';
import { rpcCodes, rpcFailure } from './rpc-failure';
import { registerSearchAttributes, searchAttributeState } from './search-attributes';
import { pollersOf } from './pollers';

/** One thing that the doctor looked at. */
export interface DoctorCheck {
  /** `temporal`, `namespace`, `search attributes`, `worker`, `allow list`, `webhooks`, `credentials`, `region`, `quota`, `role`, or an API action. */
  name: string;
  /** `permission` for an API action. */
  kind: 'temporal' | 'worker' | 'access' | 'permission';
  /** `unknown`: it could not be looked at, or cannot be told without changing something. */
  health: Health;
  found: string;
  /** What to do; may have several lines. */
  advice?: string | undefined;
  /** The cloud's own code, where it refused. */
  code?: string | undefined;
  requestId?: string | undefined;
}

export interface DoctorOptions extends ConnectOptions {
  taskQueue?: string | undefined;
  /** Region that the worker is to look at. */
  region?: string | undefined;
  /** Registers the search attributes that are missing. */
  fix?: boolean | undefined;
  /** Version of this command, to compare the worker's with. */
  version?: string | undefined;
}

/** A whole check-up is one activity of two minutes at most. */
const checkUpLimitSeconds = 150;
const callLimitMs = 5000;

/**
 * Looks at everything that a build needs, in the order in which it needs it: Temporal, namespace, search attributes, worker,
 * and through the worker its access to the cloud. Yields each finding as soon as it is there; what cannot be looked at for want of
 * something before it is left out.
 *
 * @returns exit code: 0 all well, 1 something is wrong, 3 Temporal cannot be reached or lacks the namespace
 */
export async function* examine(options: DoctorOptions): AsyncGenerator<DoctorCheck, number, undefined> {
  let temporal: Connected;
  try {
    temporal = await connect(options);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const [found = '', ...advice] = error.message.split('\n');
    yield { name: 'temporal', kind: 'temporal', health: 'wrong', found, advice: advice.join('\n') || undefined };
    return error.exitCode;
  }
  try {
    const server = await lookAtServer(temporal);
    yield server;
    const namespace = await lookAtNamespace(temporal);
    yield namespace;
    if (namespace.health === 'wrong') return exitCodes.unreachable;
    const checks = inNamespace(temporal, options);
    let wrong = server.health === 'wrong';
    for await (const check of checks) {
      wrong ||= check.health === 'wrong';
      yield check;
    }
    return wrong ? exitCodes.buildFailed : exitCodes.done;
  } catch (error) {
    throw explainRpcFailure(error, temporal);
  } finally {
    await temporal.close();
  }
}

async function lookAtServer({ client, address }: Connected): Promise<DoctorCheck> {
  const about = { name: 'temporal', kind: 'temporal' } as const;
  try {
    const { serverVersion } = await limited(client, () => client.workflowService.getSystemInfo({}));
    return { ...about, health: 'ok', found: `${address}, server ${serverVersion}` };
  } catch (error) {
    return { ...about, health: 'unknown', found: `${address} is reached, but does not say what it is: ${said(error)}` };
  }
}

async function lookAtNamespace(temporal: Connected): Promise<DoctorCheck> {
  const { client, address, namespace } = temporal;
  const about = { name: 'namespace', kind: 'temporal' } as const;
  try {
    const { config } = await limited(client, () => client.workflowService.describeNamespace({ namespace }));
    const retention = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0);
    const kept = retention > 0 ? `, keeps builds that are over for ${days(retention)}` : '';
    return { ...about, health: 'ok', found: `${namespace}${kept}` };
  } catch (error) {
    if (rpcFailure(error)?.code === rpcCodes.notFound) {
      return {
        ...about,
        health: 'wrong',
        found: `Temporal at ${address} has no namespace ${namespace}`,
        advice: `Name the right one (--namespace, TEMPORAL_NAMESPACE), or create it:\n  temporal operator namespace create --namespace ${namespace}`,
      };
    }
    const explained = explainRpcFailure(error, temporal);
    if (!(explained instanceof ClientError)) throw error;
    return {
      ...about,
      health: 'wrong',
      found: explained.message,
      advice: 'Check TEMPORAL_API_KEY and TEMPORAL_TLS_….',
    };
  }
}

const days = (seconds: number) =>
  seconds < 86_400 ? formatSeconds(seconds) : `${Math.round(seconds / 86_400)} days`.replace(/^1 days$/, 'a day');

async function* inNamespace(temporal: Connected, options: DoctorOptions): AsyncGenerator<DoctorCheck, void, undefined> {
  yield await lookAtSearchAttributes(temporal, options.fix === true);
  const taskQueue = options.taskQueue ?? process.env.CVM_IMAGE_TASK_QUEUE ?? defaultTaskQueue;
  const pollers = await pollersOf(temporal.client, taskQueue);
  const about = { name: 'worker', kind: 'worker' } as const;
  const start = `Start one: cvm-image worker. If yours polls another queue (CVM_IMAGE_TASK_QUEUE), name it: --task-queue.`;
  if (pollers.length === 0) {
    yield { ...about, health: 'wrong', found: `nobody polls task queue ${taskQueue}`, advice: start };
    return;
  }
  const seen = pollers
    .map(({ identity, secondsAgo }) => `${identity} (seen ${formatSeconds(secondsAgo)} ago)`)
    .join(', ');
  let report: CheckUpReport;
  try {
    report = await checkUp(temporal, taskQueue, options.region);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const advice =
      error instanceof NoWorkerError ? `${start} The Temporal server saw: ${seen}` : `The Temporal server saw: ${seen}`;
    yield { ...about, health: 'wrong', found: error.message, advice };
    return;
  }
  const { worker, findings } = report;
  const other =
    options.version !== undefined && options.version !== worker.version ? ` (this command: ${options.version})` : '';
  const deployed = pollers.find(({ identity }) => identity === worker.identity)?.build;
  yield {
    ...about,
    health: 'ok',
    found: [
      `version ${worker.version}${other}, ${worker.identity}, Node.js ${worker.node}`,
      ...(deployed === undefined ? [] : [`build ${deployed}`]),
      `installation ${worker.installation}`,
      worker.endpoint ?? 'Tencent Cloud',
      ...(pollers.length > 1 ? [`one of ${pollers.length} that poll ${taskQueue}`] : [`polls ${taskQueue}`]),
    ].join(', '),
  };
  yield { name: 'allow list', kind: 'worker', health: 'ok', found: allowed(worker.allow) };
  const webhooks = worker.webhooks.join(', ') || 'none; a spec cannot ask for anybody to be notified';
  yield { name: 'webhooks', kind: 'worker', health: 'ok', found: webhooks };
  yield* findings;
}

function allowed({ regions, sourceTag, roles }: CheckUpReport['worker']['allow']): string {
  const tag = sourceTag && (sourceTag.value === undefined ? sourceTag.key : `${sourceTag.key}=${sourceTag.value}`);
  return [
    `regions: ${regions?.join(', ') ?? 'every'}`,
    `source instances: ${tag === undefined ? 'every' : `with the tag ${tag}`}`,
    `roles: ${roles.join(', ') || 'none'}`,
  ].join('; ');
}

async function lookAtSearchAttributes({ client, namespace }: Connected, fix: boolean): Promise<DoctorCheck> {
  const about = { name: 'search attributes', kind: 'temporal' } as const;
  const { missing, mistyped } = await limited(client, () => searchAttributeState(client));
  if (mistyped.length > 0) {
    return {
      ...about,
      health: 'wrong',
      found: `${mistyped.join(', ')} of namespace ${namespace} is not of type Keyword, which builds need`,
      advice: 'Use another namespace (TEMPORAL_NAMESPACE), or remove it there.',
    };
  }
  if (missing.length === 0) return { ...about, health: 'ok', found: 'all there' };
  const found = `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`;
  const byHand = ['Somebody who may, runs:', ...registerCommands(missing, namespace)].join('\n');
  if (!fix) {
    const advice = `Register them: cvm-image doctor --fix. A worker does so, too, when it starts. ${byHand}`;
    return { ...about, health: 'wrong', found, advice };
  }
  try {
    await registerSearchAttributes(client, missing);
    return { ...about, health: 'ok', found: `all there; registered ${missing.join(', ')}` };
  } catch (error) {
    if (!rpcFailure(error)) throw error;
    return { ...about, health: 'wrong', found: `${found}, and cannot be registered: ${said(error)}`, advice: byHand };
  }
}

async function checkUp(temporal: Connected, taskQueue: string, region: string | undefined): Promise<CheckUpReport> {
  const input: CheckUpInput = region === undefined ? {} : { region };
  const { result } = await askWorker(
    temporal.client,
    checkUpWorkflowType,
    {
      workflowId: checkUpWorkflowId(randomUUID().slice(0, 8)),
      taskQueue,
      args: [input],
      staticSummary: `Check-up of a worker${region === undefined ? '' : ` (${region})`}`,
      staticDetails: 'What the worker is, and how far its credentials reach. Changes nothing.',
    },
    checkUpLimitSeconds,
  );
  return result as CheckUpReport;
}

const limited = <T>(client: Connected['client'], call: () => Promise<T>) =>
  client.withDeadline(Date.now() + callLimitMs, call);

const said = (error: unknown) => rpcFailure(error)?.details ?? (error instanceof Error ? error.message : String(error));
