import { Context } from '@temporalio/activity';
import { type WorkflowExecutionDescription, WithStartWorkflowOperation } from '@temporalio/client';
import {
  type QuotaInput,
  quotaMemo,
  quotaQuery,
  quotaWorkflowId,
  quotaWorkflowType,
  reserveUpdate,
  type RoomAnswer,
  type RoomRequest,
  type RoomWish,
} from '../../contract';
import { CloudError } from '../cloud/errors';
import { entityNow, entityTaskTimeout, leftBy, takenOver } from '../engine/entity';
import type { StepRun } from '../engine/run';
import { whenTold, within } from '../engine/when-told';

type Entity = (input: QuotaInput) => Promise<void>;

/** For the room of a copy, which looks by itself whether its turn has come. */
export interface ForCopy {
  /** Whose run the slot ends with. */
  holder: string;
  imageName?: string | undefined;
  /** Counts the times. */
  asked: number;
}

/**
 * Asks the workflow of the region's quota for a slot, and starts it if there is none. A workflow cannot do that itself.
 *
 * Temporal that is out of reach only costs time. So does a workflow that somebody has ended by hand: its memo holds who had
 * slots and who waited, and the next one goes on from there.
 */
export async function askForRoom(run: StepRun, wish: RoomWish, copy?: ForCopy): Promise<RoomAnswer> {
  const { info } = Context.current();
  const { buildId, region, roleArn } = run.build;
  const accountId = await run.patiently('account', () => run.cloud.accountId());
  const request: RoomRequest = {
    ...wish,
    owner: run.owner,
    buildId: copy?.holder ?? buildId,
    ...(copy ? { imageName: copy.imageName } : {}),
    workflowId: info.workflowExecution!.workflowId,
    since: run.startedAt,
    taskQueue: info.taskQueue,
    roleArn,
    heartbeat: (info.heartbeatTimeoutMs ?? 20_000) / 1000,
  };
  return run.patiently(quotaWorkflowId(accountId, region), () => ask(accountId, region, request, copy?.asked));
}

/** How whoever waits stands with the quota's workflow, by a query; undefined when it does not know, or nobody answers. */
export async function placeInQueue(run: StepRun): Promise<RoomAnswer | undefined> {
  const { client, info } = Context.current();
  const accountId = await run.patiently('account', () => run.cloud.accountId());
  const handle = client.workflow.getHandle(quotaWorkflowId(accountId, run.build.region));
  const patience = (info.heartbeatTimeoutMs ?? 20_000) / 2;
  const seen = await client.withDeadline(Date.now() + patience, () => handle.query(quotaQuery)).catch(() => undefined);
  if (!seen) return undefined;
  const { images = { used: 0, total: 0 }, leases, queue } = seen;
  if (leases.some(({ owner }) => owner === run.owner)) return { is: 'granted', images };
  const one = queue.find(({ owner }) => owner === run.owner);
  return one && { is: 'queued', images, position: one.position ?? 1, why: one.why };
}

async function ask(accountId: string, region: string, request: RoomRequest, asked?: number): Promise<RoomAnswer> {
  const { client, info, cancellationSignal, cancelled } = Context.current();
  const workflowId = quotaWorkflowId(accountId, region);
  const patience = request.heartbeat * 500;
  let before: WorkflowExecutionDescription | undefined;
  try {
    before = await entityNow(client, workflowId);
    const start = new WithStartWorkflowOperation<Entity>(quotaWorkflowType, {
      workflowId,
      taskQueue: info.taskQueue,
      args: [{ accountId, region, ...leftBy(before, quotaMemo) }],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowTaskTimeout: entityTaskTimeout(request.heartbeat * 1000),
      staticSummary: `Image quota of ${region}, account ${accountId}`,
      staticDetails:
        'Hands out the slots for custom images, so that builds at the same time do not overbook the region.',
    });
    const update = await within(patience, () =>
      client.workflow.startUpdateWithStart(reserveUpdate, {
        // Another attempt waits for the same answer: were each to ask anew, workers that die would give the region's workflow ever more to do.
        updateId: [info.workflowExecution!.runId, info.activityId, asked]
          .filter((part) => part !== undefined)
          .join('-'),
        args: [request],
        waitForStage: 'ACCEPTED',
        startWorkflowOperation: start,
      }),
    );
    return await whenTold(() => update.result());
  } catch (error) {
    if (cancellationSignal.aborted) await cancelled;
    const moved = before && (await takenOver(client, before, info.taskQueue));
    const why = moved ? `it was on the task queue ${before!.taskQueue}, and is started anew` : messageOf(error);
    throw new CloudError('transient', 'reserve', 'NoAnswer', `${workflowId} does not answer (${why})`);
  }
}

function messageOf(error: unknown): string {
  let innermost = error;
  while (innermost instanceof Error && innermost.cause !== undefined) innermost = innermost.cause;
  return innermost instanceof Error ? innermost.message : String(innermost);
}
