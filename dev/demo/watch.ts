import type { Client } from '@temporalio/client';
import { type BuildHandle, type BuildView, followBuild } from '../../client';
import { ChangeLog } from '../../client/output/changes';
import { LiveView } from '../../client/output/live';
import { print } from '../../client/output/print';

/**
 * Shows a build until its end: a picture that moves on a terminal, a log elsewhere.
 *
 * @returns its last state; undefined when `signal` came first
 */
export async function watchBuild(
  client: Client,
  build: BuildHandle,
  signal: AbortSignal,
): Promise<BuildView | undefined> {
  const { workflowId, runId } = build;
  const live = process.stdout.isTTY && process.env.TERM !== 'dumb' ? new LiveView(process.stdout) : undefined;
  const log = new ChangeLog();
  try {
    for await (const view of followBuild(client, { workflowId, runId }, { intervalMs: 400, signal })) {
      if (signal.aborted) return undefined;
      if (live) live.show(view);
      else print(...log.next(view, Date.now()));
      if (view.outcome) return view;
    }
    return undefined;
  } finally {
    live?.end();
  }
}
