import type { Client } from '@temporalio/client';
import { type SweepInput, type SweepReport, sweepWorkflowId, sweepWorkflowType } from '../../../contract';
import { heartbeat } from './timing';

/** Sweeps a region once, as `cvm-image sweep --apply --grace 0` does. */
export async function sweepAway({
  client,
  region,
  taskQueue,
}: {
  client: Client;
  region: string;
  taskQueue: string;
}): Promise<SweepReport> {
  return client.workflow.execute<(input: SweepInput) => Promise<SweepReport>>(sweepWorkflowType, {
    workflowId: sweepWorkflowId(region),
    taskQueue,
    args: [{ region, apply: true, grace: 0, deadlines: { findLeftovers: 60, putRight: 60, heartbeat } }],
  });
}
