import { BuildFailedError, ClientError, SpecError } from '../errors';
import { exitCodes } from '../exit-codes';
import { printError, printJson } from './print';

/** Tells an error and answers the exit code. A stack trace only when asked for (`--debug`, CVM_IMAGE_DEBUG=1). */
export function reportError(error: unknown, argv: string[]): number {
  const known = error instanceof ClientError ? error : undefined;
  const message = error instanceof Error ? error.message : String(error);
  const exitCode = known?.exitCode ?? exitCodes.buildFailed;
  const debug = argv.includes('--debug') || process.env.CVM_IMAGE_DEBUG === '1';
  if (debug && error instanceof Error) printError(error.stack ?? message);
  else if (known) printError(message);
  else printError(`This should not have happened: ${message}`, 'CVM_IMAGE_DEBUG=1 shows where; please report it.');
  if (argv.includes('--json')) {
    printJson({
      type: 'error',
      error: known?.name ?? 'Error',
      message,
      exitCode,
      ...(error instanceof SpecError ? { problems: error.problems } : {}),
      ...(error instanceof BuildFailedError ? { failure: error.failure } : {}),
    });
  }
  return exitCode;
}
