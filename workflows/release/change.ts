import { type BuildResult, fingerprintOf, pipelineHash, type SourceChange } from '../../contract';
import { isCancellation } from '@temporalio/workflow';
import { stepFailure } from '../failures';
import type { ReleaseRun } from './release';

/**
 * With skipUnchanged: whether anything that the API can tell has changed since the last release. Looks before anything is touched, so
 * that what changes afterwards is a change for the next run.
 */
export async function lookForChange(run: ReleaseRun, instanceId: string): Promise<SourceChange | undefined> {
  const { pipeline, manifest } = run;
  if (!pipeline.skipUnchanged) return undefined;
  const change = await run
    .activities(`what has changed on ${instanceId}`, pipeline.deadlines.findSource)
    .inspectChange({
      build: { ...run.ref, instanceId },
      family: pipeline.family,
      specHash: pipelineHash(pipeline),
    });
  const { since, story } = change;
  const forced = since !== undefined && run.request.force === true ? `${story}; made all the same (force)` : story;
  manifest.change = { ...(since === undefined ? {} : { since: since.imageId }), story: forced };
  run.journal.note('findSource', forced);
  return change;
}

/**
 * Keeps the fingerprint of the source on the image, once the release is out, for the next run to compare. Without it that one builds,
 * changed or not: so it costs nothing but a build when it cannot be kept, and when in doubt it is not.
 */
export async function rememberSource(
  run: ReleaseRun,
  built: BuildResult,
  change: SourceChange | undefined,
): Promise<void> {
  const [image] = run.manifest.images;
  if (!change || !image) return;
  const { wasRunning, operation } = built.source;
  // What it went through after it was up again may be somebody's change: only the build itself knows what its own start was.
  if (wasRunning && operation === undefined) return;
  const { pipeline } = run;
  const fingerprint = {
    ...change.now,
    // A retry may have amended it.
    pipeline: fingerprintOf(pipelineHash(pipeline)),
    ...(operation === undefined ? {} : { operation: fingerprintOf(operation) }),
  };
  try {
    await run
      .activities(`${image.imageId}: what it was made of`, pipeline.deadlines.findSource)
      .rememberSource({ build: run.ref, family: pipeline.family, imageId: image.imageId, fingerprint });
  } catch (error) {
    if (isCancellation(error)) throw error;
    run.manifest.promoted?.notes.push(`the next run builds, changed or not: ${stepFailure(error).message}`);
  }
}
