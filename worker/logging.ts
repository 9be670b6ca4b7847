import { format } from 'node:util';
import type { Context } from '@temporalio/activity';
import type { LogLevel, LogMetadata, Logger } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptors } from '@temporalio/worker';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import pino, { type DestinationStream, type Logger as PinoLogger } from 'pino';
import type { BuildRef, StepFailureDetails } from '../contract';

/**
 * The worker's log: one JSON object a line on standard error, with `build`, `step` and `requestId` where there are any.
 * Secrets of the environment are taken out of every line, whatever brought them there.
 */
export function createLogger(
  level: string,
  env: NodeJS.ProcessEnv,
  out: NodeJS.WritableStream = process.stderr,
): PinoLogger {
  const hide = secretsHidden(env);
  const destination: DestinationStream = { write: (line) => void out.write(hide(line)) };
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters, messageKey: 'message' },
    destination,
  );
}

/** Short values are left alone: taking them out would tear other words apart. */
const shortestSecret = 12;

function secretsHidden(env: NodeJS.ProcessEnv): (line: string) => string {
  const names = Object.keys(env).filter((name) =>
    /(SECRET_KEY|TOKEN|API_KEY|PASSWORD|KEY_DATA|WEBHOOK_\w+_(KEY|URL))$/i.test(name),
  );
  const values = names.map((name) => env[name] ?? '').filter((value) => value.length >= shortestSecret);
  return (line) => values.reduce((text, value) => text.replaceAll(value, '[hidden]'), line);
}

/** Sends the SDK's own log lines, its native part's too, the same way. Once a process, before anything of Temporal. */
export function installSdkLogging(log: PinoLogger): void {
  Runtime.install({
    logger: sdkLogger(log),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
    // The worker has its own handlers: a second signal is to end it at once.
    shutdownSignals: [],
  });
}

const levels: Record<LogLevel, 'debug' | 'info' | 'warn' | 'error'> = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};

function sdkLogger(log: PinoLogger): Logger {
  return new DefaultLogger('DEBUG', ({ level, message, meta = {} }) => {
    // What the SDK tells about its own life is of interest when something is wrong with it; builds speak for themselves.
    const { sdkComponent } = meta;
    const ownLife = level === 'INFO' && sdkComponent !== 'activity' && sdkComponent !== 'workflow';
    log[ownLife ? 'debug' : levels[level]](fieldsOf(meta), message);
  });
}

/** Libraries that write to the console, such as the cloud's SDK, write to the log instead, stack traces and all. */
export function consoleToLog(log: PinoLogger): void {
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    console[method] = (...args: unknown[]) => log.debug(format(...args));
  }
}

/** The SDK's fields under our names; what nobody reads (task token, component, timestamps) is left out. */
function fieldsOf(meta: LogMetadata): Record<string, unknown> {
  const {
    build,
    buildId,
    step,
    activityType,
    workflowId,
    workflowRunId,
    attempt,
    taskQueue,
    goal,
    code,
    error,
    requestId,
  }: Record<string, unknown> = meta;
  const failure = error instanceof Error ? failureFields(error) : { error };
  const fields = {
    build: build ?? buildId,
    step: step ?? activityType,
    workflowId,
    runId: workflowRunId,
    attempt,
    taskQueue,
    goal,
    code,
    ...failure,
    ...(requestId === undefined ? {} : { requestId }),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** What the cloud said, which is what people look for; the stack only of what nobody foresaw. */
function failureFields(error: Error): Record<string, unknown> {
  if (!(error instanceof ApplicationFailure)) return { error: error.message, stack: error.stack };
  const details = error.details?.find((one): one is StepFailureDetails => typeof one === 'object' && one !== null);
  return { code: error.type, error: error.message, requestId: details?.requestId };
}

/** Puts the build and its step on every log line of an activity, the SDK's own included. */
export function buildOnLogLines(context: Context): ActivityInterceptors {
  let build: string | undefined;
  return {
    inbound: {
      execute: (input, next) => {
        const [argument] = input.args as [{ build?: BuildRef }?];
        build = argument?.build?.buildId;
        return next(input);
      },
    },
    outbound: {
      getLogAttributes: (attributes, next) => next({ ...attributes, build, step: context.info.activityType }),
    },
  };
}
