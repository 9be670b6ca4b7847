/** The worker cannot start; the message is for people, the exit code for scripts. */
export class StartError extends Error {
  override readonly name = 'StartError';
  constructor(
    message: string,
    readonly exitCode: number,
  ) {
    super(message);
  }
}

/** Number of a gRPC status, wherever in the chain of causes it is. */
export function grpcCode(error: unknown): number | undefined {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    const { code } = one as { code?: unknown };
    if (typeof code === 'number') return code;
  }
  return undefined;
}
