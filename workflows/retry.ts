import type { RetryPolicy } from '@temporalio/workflow';

/**
 * Of every activity: begun again at once when its worker has died, however often that has happened. Where pauses are called for,
 * the activities' failures bring them along.
 */
export const retry: RetryPolicy = { initialInterval: '1s', backoffCoefficient: 1 };
