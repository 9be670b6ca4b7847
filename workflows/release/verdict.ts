import { ApplicationFailure } from '@temporalio/workflow';

/** Code of the failure that says no to a candidate: a verdict, which is never held or tried again. */
export const candidateRejected = 'CandidateRejected';

/** Says no to the candidate. @param advice what to do about it */
export function reject(message: string, advice?: string): ApplicationFailure {
  const details = [{ ...(advice === undefined ? {} : { advice }) }];
  return ApplicationFailure.create({ type: candidateRejected, message, nonRetryable: true, details });
}
