import { checkPipeline, longestName, pipelineName } from '../../contract';
import { exitCodes, type ExitCode } from '../exit-codes';
import { print } from '../output/print';
import { loadPipeline } from '../spec-input';

/** Says whether a pipeline is in order; a wrong one ends with all that is wrong. */
export function validate({ file, json }: { file: string; json?: boolean }): ExitCode {
  const check = checkPipeline(loadPipeline(file));
  // What is wrong has been thrown with its place in the file.
  if (!check.ok) return exitCodes.wrongUse;
  const { spec } = check;
  if (json === true) print(JSON.stringify(spec, undefined, 2));
  else {
    const name = longestName(spec.image.name, spec.family);
    print(`Pipeline ${pipelineName(spec)} of family ${spec.family} in ${spec.region} is in order.`);
    print(`Its images will have names such as ${name.replace(/9+$/, '1')}.`);
  }
  return exitCodes.done;
}
