import { ApplicationFailure, Context } from '@temporalio/activity';
import { createHmac } from 'node:crypto';
import type { BuildActivities, NotifyInput } from '../contract';
import { type StepTools, whileBeating } from './engine/step';
import type { ActivitySettings } from './settings';

type Webhook = ActivitySettings['webhooks'][string];

/** How long one delivery may take. */
const timeoutMs = 15_000;

/**
 * Delivers an event to a webhook of the worker's configuration, in the form of Standard Webhooks: a JSON body, and the
 * headers `webhook-id`, `webhook-timestamp` and `webhook-signature` (HMAC-SHA256 with the webhook's key).
 *
 * A delivery that fails is made again by Temporal. Every delivery of one event bears the same `webhook-id`, by which a
 * receiver tells that it had it already. An answer 4xx other than 408, 409, 425 and 429 is final: it will not change.
 */
export const notify =
  ({ settings }: StepTools): BuildActivities['notify'] =>
  async ({ webhook, id, notification }: NotifyInput) => {
    const target = settings.webhooks[webhook];
    if (!target) {
      throw final('NoSuchWebhook', `this worker has no webhook ${webhook}; ${webhookAdvice(settings.webhooks)}`);
    }
    const waitingFor = `webhook ${webhook}`;
    const status = await whileBeating(
      () => ({ waitingFor }),
      () => deliver(webhook, target, id, JSON.stringify(notification)),
    );
    if (status >= 200 && status < 300) return undefined;
    const message = `webhook ${webhook} answered HTTP ${status}`;
    const passes = status >= 500 || [408, 409, 425, 429].includes(status);
    throw passes ? ApplicationFailure.retryable(message, 'WebhookFailed') : final('WebhookRefused', message);
  };

/** Makes one delivery; answers its HTTP status. */
async function deliver(webhook: string, target: Webhook, id: string, body: string): Promise<number> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  try {
    const response = await fetch(target.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'cvm-image-builder',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        ...(target.key === undefined ? {} : { 'webhook-signature': signature(target.key, id, timestamp, body) }),
      },
      body,
      // A redirect would carry the event to where nobody configured it.
      redirect: 'manual',
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), Context.current().cancellationSignal]),
    });
    await response.body?.cancel();
    return response.status;
  } catch (error) {
    const { cancellationSignal, cancelled } = Context.current();
    if (cancellationSignal.aborted) await cancelled;
    // The URL may hold a secret of its own, so it is not in the message.
    throw ApplicationFailure.retryable(`webhook ${webhook} cannot be reached: ${reasonOf(error)}`, 'WebhookFailed');
  }
}

/** `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. A key `whsec_…` is base64; any other is taken as it is. */
export function signature(key: string, id: string, timestamp: string, body: string): string {
  const secret = key.startsWith('whsec_') ? Buffer.from(key.slice('whsec_'.length), 'base64') : key;
  return `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}

/** What to do about a webhook that the worker does not know. */
export function webhookAdvice(webhooks: Record<string, unknown>): string {
  const known = Object.keys(webhooks).join(', ');
  return known === '' ? 'set CVM_IMAGE_WEBHOOK_<NAME>_URL of the worker' : `it has ${known}`;
}

const final = (type: string, message: string) => ApplicationFailure.nonRetryable(message, type);

/** undici says "fetch failed" and keeps the reason in the cause. */
function reasonOf(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: { code?: string; message?: string } };
  if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  return cause?.code ?? (error instanceof Error ? error.name : 'unknown');
}
