import { type SweepInput, type SweepReport, sweepWorkflowId, sweepWorkflowType } from '../../../contract';
import type { Play } from './play';
import { heartbeat } from './timing';

/** Sweeps the region of a scenario, as `cvm-image sweep --apply --grace 0` does, once. */
export async function sweepAway({ server, region, taskQueue }: Play): Promise<SweepReport> {
  return server.client.workflow.execute<(input: SweepInput) => Promise<SweepReport>>(sweepWorkflowType, {
    workflowId: sweepWorkflowId(region),
    taskQueue,
    args: [{ region, apply: true, grace: 0, deadlines: { findLeftovers: 60, putRight: 60, heartbeat } }],
  });
}
