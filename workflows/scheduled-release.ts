import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  isCancellation,
  log,
  ParentClosePolicy,
  setCurrentDetails,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  type BuildFailure,
  goldenImageWorkflowId,
  goldenImageWorkflowType,
  imageNameMemo,
  pipelineHash,
  pipelineName,
  type Release,
  type ReleaseRequest,
  type ScheduledRelease,
  scheduledById,
  type ScheduledReleaseInput,
  scheduledStartTime,
  searchAttributes,
  specHashMemo,
} from '../contract';
import { activitiesOf } from './build-activities';
import { cell, found } from './details';
import { stepFailure } from './failures';

/** How long it is tried to pause a schedule, in seconds. */
const pauseDeadline = 3600;

/**
 * One due time of a pipeline's schedule: starts the run of the pipeline as a child, under the pipeline's own workflow ID.
 * Temporal appends the time to the ID of what a schedule starts, which is why the run cannot be started directly: the ID is
 * the lock that keeps a run by hand and one of the schedule apart.
 *
 * Failures in a row are counted from run to run: Temporal hands each the result or the failure of the one before. After so
 * many the schedule is paused, with the reason as its note.
 */
export async function scheduledRelease(input: ScheduledReleaseInput): Promise<ScheduledRelease> {
  const { typedSearchAttributes: attributes, startTime } = workflowInfo();
  const { pipeline, schedule } = input;
  const scheduleId = attributes.get(scheduledById);
  const nominalAt = (attributes.get(scheduledStartTime) ?? startTime).toISOString();
  const lock = goldenImageWorkflowId(pipeline.region, pipelineName(pipeline));
  const { failures: before, skipped } = handedOn();
  setCurrentDetails(
    `Due ${nominalAt}: the run of the pipeline is ${found(lock, `WorkflowId = '${lock}'`)}. Failures in a row before: ${before}.`,
  );
  const request: ReleaseRequest = { by: scheduleId ?? 'schedule', nominalAt, schedule: scheduleId };
  for (;;) {
    try {
      const child = await startRun(input, lock, request);
      return await ended(child, before);
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    const reason = `${lock} was at work`;
    setCurrentDetails(`Due ${nominalAt}: ${cell(reason)} already; see ${found(lock, `WorkflowId = '${lock}'`)}.`);
    if (schedule.overlap === 'skip')
      return { outcome: 'skipped', nominalAt, reason, failures: before, skipped: skipped + 1 };
    await activitiesOf(pipeline, { summary: `the end of ${lock}` }).awaitEnd({ workflowId: lock });
  }

  async function ended(child: Awaited<ReturnType<typeof startRun>>, failures: number): Promise<ScheduledRelease> {
    const runId = child.firstExecutionRunId;
    try {
      const { outcome = 'released', images, reason } = await child.result();
      const imageId = images[0]?.imageId;
      return { outcome, nominalAt, runId, imageId, reason, failures: 0, skipped };
    } catch (error) {
      if (CancellationScope.current().consideredCancelled || !(error instanceof ChildWorkflowFailure)) throw error;
      // Somebody cancelled the run by itself: neither a failure nor a success.
      if (isCancellation(error)) return { outcome: 'cancelled', nominalAt, runId, failures, skipped };
      throw await failed(error, runId, failures + 1);
    }
  }

  async function failed(error: ChildWorkflowFailure, runId: string, failures: number): Promise<Error> {
    const { code, message } = stepFailure(error);
    const release = releaseIn(error);
    let isPaused = false;
    if (failures >= schedule.pauseAfter && scheduleId !== undefined) {
      const note = `Paused after ${failures} failures in a row; the last one, due ${nominalAt}: ${message}`;
      const about = { summary: `${scheduleId} is paused after ${failures} failures`, deadline: pauseDeadline };
      try {
        await activitiesOf(pipeline, about).pauseSchedule({ scheduleId, note });
        isPaused = true;
      } catch (notPaused) {
        if (isCancellation(notPaused)) throw notPaused;
        // What the run failed of is what counts; the next failure has it paused.
        log.warn('the schedule could not be paused', { scheduleId, error: notPaused });
      }
    }
    const report: ScheduledRelease = {
      outcome: release?.outcome ?? 'failed',
      nominalAt,
      runId,
      imageId: release?.images[0]?.imageId,
      reason: message,
      // Whoever resumes the schedule begins to count anew.
      failures: isPaused ? 0 : failures,
      skipped,
    };
    return ApplicationFailure.create({ type: code, message, nonRetryable: true, details: [report] });
  }
}

/** What the run before has counted: Temporal hands on the result of the last run that succeeded, and the failure of one since. */
function handedOn(): { failures: number; skipped: number } {
  const { lastFailure, lastResult } = workflowInfo();
  const failure = lastFailure instanceof ApplicationFailure ? lastFailure : undefined;
  const [failed] = (failure?.details ?? []) as [ScheduledRelease?];
  const report = failed ?? (lastResult as ScheduledRelease | undefined);
  const isUntold = !failed && lastFailure && !(lastFailure instanceof CancelledFailure);
  return { failures: isUntold ? 1 : (report?.failures ?? 0), skipped: report?.skipped ?? 0 };
}

function releaseIn({ cause }: ChildWorkflowFailure): Release | undefined {
  if (!(cause instanceof ApplicationFailure)) return undefined;
  const [report] = (cause.details ?? []) as [(BuildFailure<string> & { release?: Release })?];
  return report?.release;
}

const startRun = ({ pipeline }: ScheduledReleaseInput, workflowId: string, request: ReleaseRequest) =>
  startChild<(pipeline: ScheduledReleaseInput['pipeline'], request: ReleaseRequest) => Promise<Release>>(
    goldenImageWorkflowType,
    {
      workflowId,
      args: [pipeline, request],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      // Whoever ends this workflow ends the run as well, which cleans up after itself.
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      memo: { [specHashMemo]: pipelineHash(pipeline), [imageNameMemo]: pipeline.image.name },
      typedSearchAttributes: [
        { key: searchAttributes.ImageRegion, value: pipeline.region },
        { key: searchAttributes.ImageFamily, value: pipeline.family },
      ],
      staticSummary: `Next image of family ${pipeline.family} (${pipeline.region})`,
      staticDetails: `Asked for by the schedule, due ${request.nominalAt ?? ''}.`,
    },
  );
