import type { ActivitySettings } from '../../activities';

/** Settings for a simulator that runs `speed` times as fast as the cloud: the shipped ones, divided. */
export function testSettings(endpoint: string, overrides: Partial<ActivitySettings> = {}): ActivitySettings {
  return {
    installation: 'test',
    endpoint,
    allow: { roles: [] },
    webhooks: {},
    waits: { percentMinSeconds: 0.02, percentMaxSeconds: 0.3, minSeconds: 0.02, maxSeconds: 0.3, growth: 0.05 },
    settleSeconds: 0.4,
    backoff: { minSeconds: 0.05, maxSeconds: 0.5, blockedSeconds: 0.3 },
    // The simulator under test has no rates unless a test is about them.
    budgetShare: 1000,
    requestTimeoutSeconds: 5,
    ...overrides,
  };
}

/** The simulator's known key for development, in the environment of this process. */
export function useSimulatorCredentials(): void {
  process.env.TENCENTCLOUD_SECRET_ID = 'AKIDsimulator';
  process.env.TENCENTCLOUD_SECRET_KEY = 'simulator';
}
