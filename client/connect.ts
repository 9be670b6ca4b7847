import {
  Client,
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
} from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { ClientError, UnreachableError } from './errors';
import { failLateCalls } from './late-calls';
import { rpcCodes, rpcFailure } from './rpc-failure';

export interface ConnectOptions {
  /** host:port; overrides what the environment and the profile say. */
  address?: string;
  namespace?: string;
  /** Profile of temporal.toml; default: TEMPORAL_PROFILE, else `default`. */
  profile?: string;
  /** How long an answer is waited for, in milliseconds; default 4000. */
  timeoutMs?: number;
}

/** A connection to Temporal. Close it at the end, or the process stays. */
export interface Connected {
  client: Client;
  address: string;
  namespace: string;
  close: () => Promise<void>;
}

const defaultTimeoutMs = 4000;

/**
 * Connects to Temporal as its own tools do: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_*,
 * or a profile of temporal.toml (TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE). Default: localhost:7233, namespace `default`.
 *
 * @throws {UnreachableError} when nothing answers in time, or the server refuses us
 */
export async function connect(options: ConnectOptions = {}): Promise<Connected> {
  const { connectionOptions, namespace } = configuration(options);
  const address = connectionOptions.address ?? 'localhost:7233';
  const { timeoutMs = defaultTimeoutMs } = options;
  let connection: Connection;
  try {
    connection = await Connection.connect({
      ...connectionOptions,
      connectTimeout: timeoutMs,
      // What the SDK does by itself, and what it makes that late.
      interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), failLateCalls],
      channelArgs: {
        ...connectionOptions.channelArgs,
        // A watched build outlives a restart of the server: look for it again soon, not after minutes.
        'grpc.initial_reconnect_backoff_ms': 250,
        'grpc.min_reconnect_backoff_ms': 250,
        'grpc.max_reconnect_backoff_ms': 2000,
      },
    });
  } catch (error) {
    throw new UnreachableError(whyUnreachable(address, connectionOptions, timeoutMs, error));
  }
  const client = new Client({ connection, namespace });
  return { client, address, namespace, close: () => connection.close() };
}

function configuration({ address, namespace, profile }: ConnectOptions) {
  let config;
  try {
    config = loadClientConnectConfig(profile === undefined ? {} : { profile });
  } catch (error) {
    throw new ClientError(`Temporal's configuration cannot be read: ${messageOf(error)}`);
  }
  const { apiKey, ...connectionOptions } = config.connectionOptions as ConnectionOptions;
  return {
    namespace: namespace ?? config.namespace ?? 'default',
    connectionOptions: {
      ...connectionOptions,
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(address === undefined ? {} : { address }),
    },
  };
}

function whyUnreachable(
  address: string,
  { tls, apiKey }: ConnectionOptions,
  timeoutMs: number,
  error: unknown,
): string {
  const failure = rpcFailure(error);
  if (failure?.code === rpcCodes.permissionDenied || failure?.code === rpcCodes.unauthenticated) {
    return [
      `Temporal at ${address} refuses the connection: ${failure.details}`,
      'Check TEMPORAL_API_KEY or the client certificate (TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH).',
    ].join('\n');
  }
  const encrypted = tls !== undefined && tls !== null && tls !== false;
  const how = encrypted || apiKey !== undefined ? 'with TLS' : 'without TLS';
  return [
    `Temporal cannot be reached at ${address} (${how}, tried for ${timeoutMs / 1000} s).`,
    'Check that it runs, that the address is right (TEMPORAL_ADDRESS, TEMPORAL_PROFILE), and whether it wants TLS',
    '(TEMPORAL_TLS, TEMPORAL_API_KEY). For a local stack: cvm-image dev',
  ].join('\n');
}

/** Fails a call to Temporal in words that say where; anything that is not such a failure passes through. */
export function explainRpcFailure(error: unknown, { address, namespace }: Connected): unknown {
  if (error instanceof Error && error.name === 'NamespaceNotFoundError') {
    return new UnreachableError(`Temporal at ${address} has no namespace ${namespace} (TEMPORAL_NAMESPACE).`);
  }
  const failure = rpcFailure(error);
  if (failure === undefined) return error;
  if (failure.code === rpcCodes.invalidArgument) return new ClientError(`Temporal refuses: ${failure.details}`);
  const what =
    failure.code === rpcCodes.permissionDenied || failure.code === rpcCodes.unauthenticated
      ? 'refuses us'
      : 'does not answer as it should';
  return new UnreachableError(`Temporal at ${address} (namespace ${namespace}) ${what}: ${failure.details}`);
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
