import path from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import type { ActivitySettings } from '../activities';
import { defaultTaskQueue } from '../contract';
import { otherVariables, type VariableName, variables } from './variables';

export interface WorkerConfig {
  temporal: { connectionOptions: NativeConnectionOptions; address: string; namespace: string };
  taskQueue: string;
  activities: ActivitySettings;
  /** Worker Versioning; absent: none. */
  deployment?: { name: string; buildId: string; behavior: 'PINNED' | 'AUTO_UPGRADE' } | undefined;
  /** File with the workflows, made by `npm run build`. */
  bundle: string;
  maxActivities: number;
  maxCachedWorkflows: number;
  heartbeatThrottleSeconds: number;
  shutdownGraceSeconds: number;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/** The environment does not make sense; the message has one line for each variable that is wrong. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A call that is lost with its worker may be under way for as long as one is waited for; what it does shows up to half a minute later. */
const requestTimeoutDefault = 10;
export const settleDefault = 45;
/** Which part of the published request rates a worker allows itself: two of them stay within the rates. */
export const budgetShareDefault = 0.5;

type Values = { [Name in VariableName]?: z.output<(typeof variables)[Name]['schema']> };

/**
 * Reads all settings from the environment (docs/worker.md), Temporal's through its own profiles.
 *
 * @throws {ConfigError} with everything that is wrong
 */
export function readConfig(env: NodeJS.ProcessEnv): WorkerConfig {
  const problems: string[] = [];
  const values = readVariables(env, problems);
  const endpoint = readEndpoint(env, problems);
  const webhooks = readWebhooks(env, problems);
  checkBounds(values, problems);
  const deployment = readDeployment(values, problems);
  const temporal = readTemporal(env, problems);
  if (problems.length > 0 || temporal === undefined) {
    throw new ConfigError(['The worker is not configured right:', ...problems.map((line) => `  ${line}`)].join('\n'));
  }
  const scaled = (seconds: number) => seconds / (values.CVM_IMAGE_TIME_SCALE ?? 1);
  return {
    temporal,
    taskQueue: values.CVM_IMAGE_TASK_QUEUE ?? defaultTaskQueue,
    deployment,
    bundle: path.resolve(__dirname, '..', 'workflow-bundle.js'),
    maxActivities: values.CVM_IMAGE_MAX_ACTIVITIES ?? 500,
    maxCachedWorkflows: values.CVM_IMAGE_MAX_CACHED_WORKFLOWS ?? 100,
    heartbeatThrottleSeconds: values.CVM_IMAGE_HEARTBEAT_THROTTLE_SECONDS ?? 5,
    shutdownGraceSeconds: values.CVM_IMAGE_SHUTDOWN_GRACE_SECONDS ?? 10,
    logLevel: values.CVM_IMAGE_LOG_LEVEL ?? 'info',
    activities: {
      installation: values.CVM_IMAGE_INSTALLATION ?? temporal.namespace,
      endpoint,
      webhooks,
      allow: {
        regions: values.CVM_IMAGE_ALLOW_REGIONS,
        sourceTag: values.CVM_IMAGE_ALLOW_SOURCE_TAG,
        roles: values.CVM_IMAGE_ALLOW_ROLES ?? [],
      },
      waits: {
        percentMinSeconds: scaled(values.CVM_IMAGE_WAIT_PERCENT_MIN_SECONDS ?? 1),
        percentMaxSeconds: scaled(values.CVM_IMAGE_WAIT_PERCENT_MAX_SECONDS ?? 30),
        minSeconds: scaled(values.CVM_IMAGE_WAIT_MIN_SECONDS ?? 2),
        maxSeconds: scaled(values.CVM_IMAGE_WAIT_MAX_SECONDS ?? 30),
        growth: values.CVM_IMAGE_WAIT_GROWTH ?? 0.05,
      },
      settleSeconds: scaled(values.CVM_IMAGE_SETTLE_SECONDS ?? settleDefault),
      backoff: {
        minSeconds: scaled(values.CVM_IMAGE_BACKOFF_MIN_SECONDS ?? 1),
        maxSeconds: scaled(values.CVM_IMAGE_BACKOFF_MAX_SECONDS ?? 30),
        blockedSeconds: scaled(values.CVM_IMAGE_BACKOFF_BLOCKED_SECONDS ?? 30),
      },
      budgetShare: values.CVM_IMAGE_BUDGET_SHARE ?? budgetShareDefault,
      requestTimeoutSeconds: values.CVM_IMAGE_REQUEST_TIMEOUT_SECONDS ?? requestTimeoutDefault,
    },
  };
}

function readVariables(env: NodeJS.ProcessEnv, problems: string[]): Values {
  const values: Values = {};
  for (const [name, { schema }] of Object.entries(variables)) {
    const text = env[name];
    if (text === undefined) continue;
    const parsed = schema.safeParse(text);
    if (parsed.success) Object.assign(values, { [name]: parsed.data });
    else problems.push(`${name}="${text}": ${parsed.error.issues[0]?.message ?? 'not valid'}`);
  }
  // A misspelt name must not pass: an allow list that nobody reads allows everything.
  const known = [...Object.keys(variables), ...otherVariables];
  const unknown = (name: string) =>
    name.startsWith('CVM_IMAGE_') && !webhookVariable.test(name) && !known.includes(name);
  for (const name of Object.keys(env).filter(unknown)) {
    const nearest = known.reduce((best, one) => (distance(name, one) < distance(name, best) ? one : best));
    problems.push(`${name}: there is no such variable; did you mean ${nearest}?`);
  }
  return values;
}

/** A version has both names. Without Worker Versioning neither means anything. */
function readDeployment(values: Values, problems: string[]): WorkerConfig['deployment'] {
  const { CVM_IMAGE_DEPLOYMENT: name, CVM_IMAGE_BUILD_ID: buildId, CVM_IMAGE_VERSIONING: behavior } = values;
  if (name !== undefined && buildId !== undefined) return { name, buildId, behavior: behavior ?? 'PINNED' };
  if (name !== undefined) problems.push('CVM_IMAGE_DEPLOYMENT: there is no CVM_IMAGE_BUILD_ID that goes with it');
  else if (buildId !== undefined) {
    problems.push('CVM_IMAGE_BUILD_ID: there is no CVM_IMAGE_DEPLOYMENT that it is a version of');
  } else if (behavior !== undefined) {
    problems.push('CVM_IMAGE_VERSIONING: there is no CVM_IMAGE_DEPLOYMENT that it is about');
  }
  return undefined;
}

/** The variables of one webhook: its name in capitals, `_` for `-`. */
const webhookVariable = /^CVM_IMAGE_WEBHOOK_([A-Z0-9]+(?:_[A-Z0-9]+)*)_(URL|KEY)$/;

function readWebhooks(env: NodeJS.ProcessEnv, problems: string[]): ActivitySettings['webhooks'] {
  const webhooks: ActivitySettings['webhooks'] = {};
  const entries = Object.entries(env).flatMap(([variable, value]) => {
    const [, name, part] = webhookVariable.exec(variable) ?? [];
    return name === undefined || value === undefined ? [] : [{ variable, name: webhookName(name), part, value }];
  });
  for (const { variable, name, value } of entries.filter(({ part }) => part === 'URL')) {
    const protocol = URL.canParse(value) ? new URL(value).protocol : '';
    if (protocol === 'https:' || protocol === 'http:') webhooks[name] = { url: value };
    // Not its value: it may hold a secret.
    else problems.push(`${variable}: expected an http or https URL`);
  }
  for (const { variable, name, value } of entries.filter(({ part }) => part === 'KEY')) {
    const webhook = webhooks[name];
    if (webhook) webhook.key = value;
    else problems.push(`${variable}: there is no ${variable.replace(/KEY$/, 'URL')} that it belongs to`);
  }
  return webhooks;
}

const webhookName = (name: string) => name.toLowerCase().replaceAll('_', '-');

function readEndpoint(env: NodeJS.ProcessEnv, problems: string[]): string | undefined {
  const text = env.TENCENTCLOUD_ENDPOINT;
  if (text === undefined || text === '') return undefined;
  const url = URL.canParse(text.replace('{service}', 'cvm')) ? new URL(text.replace('{service}', 'cvm')) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  problems.push(`TENCENTCLOUD_ENDPOINT="${text}": expected a URL such as https://{service}.intl.tencentcloudapi.com`);
  return undefined;
}

function checkBounds(values: Values, problems: string[]): void {
  const pairs = [
    ['CVM_IMAGE_WAIT_MIN_SECONDS', 2, 'CVM_IMAGE_WAIT_MAX_SECONDS', 30],
    ['CVM_IMAGE_WAIT_PERCENT_MIN_SECONDS', 1, 'CVM_IMAGE_WAIT_PERCENT_MAX_SECONDS', 30],
    ['CVM_IMAGE_BACKOFF_MIN_SECONDS', 1, 'CVM_IMAGE_BACKOFF_MAX_SECONDS', 30],
  ] as const;
  for (const [least, leastDefault, most, mostDefault] of pairs) {
    const [low, high] = [values[least] ?? leastDefault, values[most] ?? mostDefault];
    if (low > high) problems.push(`${least} (${low}) is above ${most} (${high})`);
  }
  const settle = values.CVM_IMAGE_SETTLE_SECONDS ?? settleDefault;
  const request = values.CVM_IMAGE_REQUEST_TIMEOUT_SECONDS ?? requestTimeoutDefault;
  if (settle <= request) {
    problems.push(
      `CVM_IMAGE_SETTLE_SECONDS (${settle}) must be above CVM_IMAGE_REQUEST_TIMEOUT_SECONDS (${request}): ` +
        'what a call that is still under way will have done must have shown by then',
    );
  }
}

function readTemporal(env: NodeJS.ProcessEnv, problems: string[]): WorkerConfig['temporal'] | undefined {
  const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(given) });
    // 127.0.0.1 and not localhost, which may be ::1 first, where the dev server does not listen.
    const address = connectionOptions.address ?? '127.0.0.1:7233';
    return { connectionOptions: { ...connectionOptions, address }, address, namespace: namespace ?? 'default' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    problems.push(`Temporal's configuration (TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE, TEMPORAL_*): ${reason}`);
    return undefined;
  }
}
