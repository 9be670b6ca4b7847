import { Context } from '@temporalio/activity';
import { ScheduleNotFoundError, WorkflowFailedError } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { ScheduleActivities } from '../../contract';
import { whileBeating } from '../engine/step';
import { whenTold } from '../engine/when-told';

/** Pauses a schedule that somebody should look at. One that is paused, or gone, stays so. */
export const pauseSchedule =
  (): ScheduleActivities['pauseSchedule'] =>
  async ({ scheduleId, note }) => {
    const handle = Context.current().client.schedule.getHandle(scheduleId);
    try {
      const { state } = await handle.describe();
      if (!state.paused) await handle.pause(note);
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    }
    return undefined;
  };

/** Waits until a workflow is over. How it ended is not asked. */
export const awaitEnd =
  (): ScheduleActivities['awaitEnd'] =>
  async ({ workflowId }) => {
    const { client } = Context.current();
    try {
      await whileBeating(
        () => ({ waitingFor: `the end of ${workflowId}` }),
        () => whenTold(() => client.workflow.getHandle(workflowId).result()),
      );
    } catch (error) {
      if (!(error instanceof WorkflowFailedError) && !(error instanceof WorkflowNotFoundError)) throw error;
    }
    return undefined;
  };
