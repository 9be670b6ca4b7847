import { randomUUID } from 'node:crypto';
import assert from 'node:assert/strict';
import type { Client } from '@temporalio/client';
import { type Leftover, type SweepInput, type SweepReport, sweepWorkflowId, sweepWorkflowType } from '../../contract';
import { region as usual } from './images';
import { until } from './judge';

interface Place {
  client: Client;
  taskQueue: string;
}

/** Runs a sweep of a test's own to its end. Default: it only looks, and there is no grace period. */
export function sweep({ client, taskQueue }: Place, input: Partial<SweepInput> = {}): Promise<SweepReport> {
  return startSweep({ client, taskQueue }, input).then((handle) => handle.result());
}

export function startSweep({ client, taskQueue }: Place, input: Partial<SweepInput> = {}) {
  return client.workflow.start<(input: SweepInput) => Promise<SweepReport>>(sweepWorkflowType, {
    workflowId: `${sweepWorkflowId(input.region ?? usual)}/${randomUUID()}`,
    taskQueue,
    args: [{ region: usual, grace: 0, ...input }],
  });
}

/** What a report says of one build. */
export const leftOf = (report: SweepReport, buildId: string): Leftover[] =>
  report.leftovers.filter((one) => one.buildId === buildId);

/** Looks until nothing about a build is put off because the visibility index is late. */
export function lookedAt(place: Place, buildId: string, input: Partial<SweepInput> = {}): Promise<Leftover[]> {
  return until(async () => {
    const leftovers = leftOf(await sweep(place, input), buildId);
    const late = leftovers.some(({ reason }) => /no history|did not say/.test(reason));
    return leftovers.length > 0 && !late ? leftovers : undefined;
  });
}

/** Everything of a build is only reported, for this reason. */
export function assertSpared(leftovers: Leftover[], reason: RegExp): void {
  assert.ok(leftovers.length > 0, 'something is reported');
  for (const one of leftovers) {
    assert.equal(one.plan, 'report', JSON.stringify(one));
    assert.equal(one.outcome, undefined);
    assert.match(one.reason, reason);
  }
}
