import { exitCodes, type ExitCode } from '../exit-codes';
import { specJsonSchemaText } from '../spec-schema';

/** Prints the JSON schema of the build spec. */
export function schema(): ExitCode {
  process.stdout.write(specJsonSchemaText());
  return exitCodes.done;
}
