import { exitCodes, type ExitCode } from '../exit-codes';
import { type SpecKind, specJsonSchemaText } from '../spec-schema';

/** Prints the JSON schema of a spec. */
export function schema(kind: SpecKind = 'build'): ExitCode {
  process.stdout.write(specJsonSchemaText(kind));
  return exitCodes.done;
}
