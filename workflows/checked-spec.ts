import { ApplicationFailure } from '@temporalio/workflow';
import { type BuildSpec, type BuildSpecInput, checkSpec, formatProblems } from '../contract';

/**
 * The spec, normalised. The client has checked it already; whoever starts a build from the Temporal UI has not.
 *
 * @throws {ApplicationFailure} SpecInvalid, with every problem at once
 */
export function checkedSpec(input: BuildSpecInput): BuildSpec {
  const check = checkSpec(input);
  if (check.ok) return check.spec;
  throw ApplicationFailure.create({
    type: 'SpecInvalid',
    message: `The spec is wrong.\n${formatProblems(check.problems)}`,
    nonRetryable: true,
  });
}
