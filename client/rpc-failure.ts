import { isGrpcServiceError } from '@temporalio/client';

/** The gRPC status codes that decide what we do. */
export const rpcCodes = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export interface RpcFailure {
  code: number;
  /** The server's words, without the code. */
  details: string;
}

/** What a call to Temporal failed with, dug out of the SDK's wrapping; undefined for any other error. */
export function rpcFailure(error: unknown): RpcFailure | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause)) return { code: cause.code, details: cause.details };
  }
  return undefined;
}

const passing = new Set<number>([
  rpcCodes.cancelled,
  rpcCodes.unknown,
  rpcCodes.deadlineExceeded,
  rpcCodes.resourceExhausted,
  rpcCodes.aborted,
  rpcCodes.internal,
  rpcCodes.unavailable,
]);

/** Whether a failed call may succeed a little later: the server restarts, the network is away. */
export function isPassing(error: unknown): boolean {
  const failure = rpcFailure(error);
  return failure !== undefined && passing.has(failure.code);
}
