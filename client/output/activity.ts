import { formatSeconds } from '../../contract';
import type { ActivityView } from '../pending-activity';

/** What an open activity does, in a few words: the percentage, what it waits for, or why nothing goes on. */
export function doing({ state, wait }: ActivityView): string {
  const waiting = wait ? [percentOf(wait), wait.waitingFor].filter(Boolean).join('  ') : '';
  switch (state) {
    case 'waiting':
      return 'waits for a worker to take it up';
    case 'paused':
      return 'paused in Temporal';
    case 'cancelling':
      return ['being cancelled', waiting].filter(Boolean).join('; ');
    default:
      return waiting;
  }
}

function percentOf({ percent, estimated, estimatedFrom }: NonNullable<ActivityView['wait']>): string {
  if (percent === undefined) return '';
  if (estimated !== true) return `${Math.floor(percent)} %`;
  const from = estimatedFrom === undefined ? '' : ` from ${estimatedFrom} build${estimatedFrom === 1 ? '' : 's'}`;
  return `~${Math.floor(percent)} % (estimated${from})`;
}

/** What went wrong and is being retried; undefined when all is well. With `now`, also when the next attempt is. */
export function trouble({ attempt, state, wait, lastFailure, nextAttemptAt }: ActivityView, now?: number) {
  const which = attempt > 1 ? `attempt ${attempt}` : '';
  if (wait?.problem) return [which, said(wait.problem)].filter(Boolean).join(': ');
  if (!lastFailure || attempt < 2) return undefined;
  if (state === 'retrying' && nextAttemptAt !== undefined && now !== undefined) {
    return `${which} in ${formatSeconds((Date.parse(nextAttemptAt) - now) / 1000)}, after: ${said(lastFailure)}`;
  }
  return `${which}, after: ${said(lastFailure)}`;
}

/** The cloud's words with code and RequestId, each once: messages of the worker have them already. */
function said({ code, message, requestId }: { code: string; message: string; requestId?: string | undefined }): string {
  const missing = [
    message.includes(code) ? '' : code,
    requestId === undefined || message.includes(requestId) ? '' : `RequestId ${requestId}`,
  ].filter(Boolean);
  return missing.length > 0 ? `${message} (${missing.join(', ')})` : message;
}
