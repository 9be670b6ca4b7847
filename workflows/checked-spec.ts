import { ApplicationFailure } from '@temporalio/workflow';
import { type BuildSpec, type BuildSpecInput, checkSpec, formatProblems, type SpecCheck } from '../contract';

/**
 * The spec, normalised. The client has checked it already; whoever starts a build from the Temporal UI has not.
 *
 * @throws {ApplicationFailure} SpecInvalid, with every problem at once
 */
export function checkedSpec(input: BuildSpecInput): BuildSpec {
  return accepted(checkSpec(input));
}

/**
 * What a check lets through.
 *
 * @throws {ApplicationFailure} SpecInvalid, with every problem at once
 */
export function accepted<Spec>(check: SpecCheck<Spec>): Spec {
  if (check.ok) return check.spec;
  throw ApplicationFailure.create({
    type: 'SpecInvalid',
    message: `The spec is wrong.\n${formatProblems(check.problems)}`,
    nonRetryable: true,
  });
}
