import {
  type Client,
  type ScheduleDescription,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
} from '@temporalio/client';
import { ClientError } from './errors';
import { rpcCodes, rpcFailure } from './rpc-failure';

/** A Temporal Schedule of this project, without its ID and its state. */
export type Definition = Pick<ScheduleOptions, 'spec' | 'action' | 'policies'>;

/** What was done about a Schedule. */
export type Put = 'created' | 'updated';

/**
 * Sets up a Temporal Schedule.
 *
 * @throws {ScheduleAlreadyRunning} when there is one of this ID
 * @throws {ClientError} when the server does not take it, such as a cron expression that it cannot read
 */
export async function createSchedule(
  client: Client,
  scheduleId: string,
  definition: Definition,
  state?: ScheduleOptions['state'],
): Promise<void> {
  await client.schedule.create({ scheduleId, ...definition, ...(state ? { state } : {}) }).catch(explain);
}

/** Changes the Schedule that is there; whether it is paused stays as it is. */
export async function updateSchedule(client: Client, scheduleId: string, definition: Definition): Promise<void> {
  await client.schedule
    .getHandle(scheduleId)
    .update(({ state }) => ({ ...definition, state }))
    .catch(explain);
}

/** Sets up a Temporal Schedule, or changes the one that is there. */
export async function putSchedule(client: Client, scheduleId: string, definition: Definition): Promise<Put> {
  try {
    await createSchedule(client, scheduleId, definition);
    return 'created';
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await updateSchedule(client, scheduleId, definition);
    return 'updated';
  }
}

/** The Schedule as Temporal has it; undefined when there is none. */
export async function scheduleNow(client: Client, scheduleId: string): Promise<ScheduleDescription | undefined> {
  try {
    return await client.schedule.getHandle(scheduleId).describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

/** Removes a Schedule; what it has started goes on. Answers false when there was none. */
export async function removeSchedule(client: Client, scheduleId: string): Promise<boolean> {
  try {
    await client.schedule.getHandle(scheduleId).delete();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

function explain(error: unknown): never {
  const failure = rpcFailure(error);
  // The SDK makes a TypeError of what the server calls an invalid argument.
  const words =
    error instanceof TypeError
      ? error.message
      : failure?.code === rpcCodes.invalidArgument
        ? failure.details
        : undefined;
  if (words !== undefined) throw new ClientError(`Temporal does not take the schedule: ${words}`);
  throw error as Error;
}
