import { CancellationScope, getExternalWorkflowHandle } from '@temporalio/workflow';
import { quotaWorkflowId, withdrawSignal } from '../../contract';

/**
 * Nobody is to keep a slot free, or to delete an image, for somebody who no longer waits. It would be found out anyway when
 * that one is over; so nobody waits for the signal to arrive.
 *
 * @param owner as what the quota knows it; undefined when it never answered
 */
export function withdraw(accountId: string | undefined, region: string, owner: string | undefined): void {
  if (accountId === undefined || owner === undefined) return;
  void CancellationScope.nonCancellable(() =>
    getExternalWorkflowHandle(quotaWorkflowId(accountId, region)).signal(withdrawSignal, owner),
  ).catch(() => undefined);
}
