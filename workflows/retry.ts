import type { RetryPolicy } from '@temporalio/workflow';

/**
 * Of everything that changes the cloud or waits for it: begun again at once when its worker has died, however often that has
 * happened. Where growing pauses are called for, the activities' failures bring them along. What no code of ours sees, as of an
 * activity that the worker is too old for, is tried every second until a worker comes that knows it.
 */
export const retry: RetryPolicy = { initialInterval: '1s', backoffCoefficient: 1 };
