import { ApplicationFailure } from '@temporalio/activity';
import type { Resource, StepFailureDetails } from '../../contract';
import type { CloudError } from '../cloud/errors';

/** What a failure tells besides its message. */
interface Circumstances {
  /** Whether this step may have changed anything in the cloud. */
  touched: boolean;
  claimed?: boolean;
  left?: Resource[];
  advice?: string | undefined;
  requestId?: string | undefined;
}

/** A failure that no retry mends: the build reacts to it at once. `code` becomes the failure's type. */
export function finalFailure(code: string, message: string, about: Circumstances): ApplicationFailure {
  return ApplicationFailure.create({ type: code, message, nonRetryable: true, details: [detailsOf(about)] });
}

/** What a person can mend: seen in the UI as the last failure of the activity, and tried again slowly. */
export function slowFailure(code: string, message: string, seconds: number, about: Circumstances): ApplicationFailure {
  return ApplicationFailure.create({
    type: code,
    message: [message, about.advice].filter(Boolean).join('. '),
    nextRetryDelay: seconds * 1000,
    details: [detailsOf(about)],
  });
}

/** A failed call in one line: action, what the cloud said, its code and RequestId. */
export function messageOf(error: CloudError): string {
  const request = error.requestId === undefined ? '' : `, RequestId ${error.requestId}`;
  return `${error.action}: ${error.message.replace(/\.$/, '')} (${error.code}${request})`;
}

function detailsOf({ touched, claimed, left, advice, requestId }: Circumstances): StepFailureDetails {
  return {
    untouched: !touched,
    ...(claimed === true ? { claimed } : {}),
    ...(left && left.length > 0 ? { left } : {}),
    ...(advice === undefined ? {} : { advice }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}
