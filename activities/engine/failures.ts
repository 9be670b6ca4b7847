import { ApplicationFailure } from '@temporalio/activity';
import type { StepFailureDetails } from '../../contract';
import type { CloudError } from '../cloud/errors';

/** What is said about a failure besides its message. */
export interface About {
  advice?: string | undefined;
  requestId?: string | undefined;
}

/** What a step knows of itself when it ends: whether it may have changed something, and what is there now. */
export type StepFacts = Pick<StepFailureDetails, 'untouched' | 'claimed' | 'left' | 'gone' | 'imageState'>;

/** A failure that no retry mends: the build reacts to it at once. `code` becomes the failure's type. */
export function finalFailure(code: string, message: string, about: About = {}): ApplicationFailure {
  return ApplicationFailure.create({ type: code, message, nonRetryable: true, details: [about] });
}

/** What a person can mend: seen in the UI as the last failure of the activity, and tried again slowly. */
export function slowFailure(code: string, message: string, seconds: number, about: About = {}): ApplicationFailure {
  return ApplicationFailure.create({
    type: code,
    message: [message, about.advice].filter(Boolean).join('. '),
    nextRetryDelay: seconds * 1000,
    details: [about],
  });
}

/** The failure that a step ends with, told what the step knows by then: parts of it may have ended after the one that failed. */
export function withFacts(error: unknown, facts: StepFacts): unknown {
  if (!(error instanceof ApplicationFailure)) return error;
  const [about] = (error.details ?? []) as [About | undefined];
  const { advice, requestId } = about ?? {};
  const details: StepFailureDetails = {
    untouched: facts.untouched,
    ...(facts.claimed === true ? { claimed: true } : {}),
    ...(facts.left && facts.left.length > 0 ? { left: facts.left } : {}),
    ...(facts.gone && facts.gone.length > 0 ? { gone: facts.gone } : {}),
    ...(facts.imageState === undefined ? {} : { imageState: facts.imageState }),
    ...(advice === undefined ? {} : { advice }),
    ...(requestId === undefined ? {} : { requestId }),
  };
  return ApplicationFailure.create({
    message: error.message,
    type: error.type ?? 'Error',
    nonRetryable: error.nonRetryable === true,
    // Always a number of milliseconds here; see slowFailure.
    nextRetryDelay: error.nextRetryDelay as number | undefined,
    details: [details],
  });
}

/** A failed call in one line: action, what the cloud said, its code and RequestId. */
export function messageOf(error: CloudError): string {
  const request = error.requestId === undefined ? '' : `, RequestId ${error.requestId}`;
  return `${error.action}: ${error.message.replace(/\.$/, '')} (${error.code}${request})`;
}
