import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { StackPlace } from './record';

/**
 * The environment in which a worker or the command works with a stack. Whatever the user has set up for a real cluster or
 * a real account does not get into it.
 *
 * @param ownTemporal false when the stack uses a cluster of the user's, whose settings then stay
 */
export function stackEnvironment(place: StackPlace, ownTemporal: boolean, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const foreign = ownTemporal ? /^(TEMPORAL|TENCENTCLOUD)_/ : /^TENCENTCLOUD_/;
  // The one worker of a stack is of no deployment: without a current version nothing would be handed to it.
  const version = /^CVM_IMAGE_(DEPLOYMENT|BUILD_ID|VERSIONING)$/;
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name) && !version.test(name)));
  const temporal = {
    TEMPORAL_ADDRESS: place.temporalAddress,
    TEMPORAL_NAMESPACE: place.namespace,
    // A profile of the user's would bring TLS and keys along.
    TEMPORAL_CONFIG_FILE: profileOf(place),
    ...(place.uiUrl === undefined ? {} : { TEMPORAL_UI_URL: place.uiUrl }),
  };
  return {
    ...kept,
    ...(ownTemporal ? temporal : {}),
    CVM_IMAGE_TASK_QUEUE: place.taskQueue,
    TENCENTCLOUD_ENDPOINT: place.simulatorUrl,
    TENCENTCLOUD_SECRET_ID: 'AKIDsimulator',
    TENCENTCLOUD_SECRET_KEY: 'simulator',
  };
}

/** Settings of the stack's worker, which the user's own go before: a simulator's clock is fast, and people watch. */
export const workerSettings = (place: StackPlace): NodeJS.ProcessEnv => ({
  CVM_IMAGE_TIME_SCALE: String(place.speed),
  CVM_IMAGE_HEARTBEAT_THROTTLE_SECONDS: '0.5',
  CVM_IMAGE_SHUTDOWN_GRACE_SECONDS: '0.5',
});

const profileOf = ({ dataDir }: StackPlace) => path.join(dataDir, 'temporal.toml');

/** Writes the profile that leads Temporal's own tools to the stack's server. */
export function writeProfile(place: StackPlace): void {
  const lines = ['[profile.default]', `address = "${place.temporalAddress}"`, `namespace = "${place.namespace}"`, ''];
  writeFileSync(profileOf(place), lines.join('\n'));
}
