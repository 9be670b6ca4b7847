import { workflowInfo } from '@temporalio/workflow';
import {
  checkDeletionSpec,
  deletionIdOf,
  type DeletionPlan,
  type DeletionResult,
  type DeletionSpec,
  type DeletionSpecInput,
  deletionStepNames,
  type DeletionStepName,
  type Resource,
} from '../contract';
import { accepted } from './checked-spec';
import type { StepFailure } from './failures';
import { Operation } from './operation';

/**
 * Deletes an image that this installation made: first the image, then its snapshots and those of its build's data disks.
 *
 * Refuses what is in use, shared, or still being built, before anything is deleted. There is no way back: cancelling stops
 * it where it is, and the report lists what is gone and what is not.
 *
 * Fails with an ApplicationFailure whose type is the cloud's own code and whose first detail is a `BuildFailure`.
 */
export async function deleteImage(input: DeletionSpecInput): Promise<DeletionResult> {
  const spec = accepted(checkDeletionSpec(input));
  const id = deletionIdOf(workflowInfo().firstExecutionRunId);
  const deletion = new Operation({ kind: 'delete', id, image: spec.imageId, spec, steps: deletionStepNames });
  return deletion.run(
    () => procedure(deletion, spec),
    (failure) => settle(deletion.resources, failure),
  );
}

async function procedure(deletion: Operation<DeletionStepName>, spec: DeletionSpec): Promise<DeletionResult> {
  const { imageId, snapshotIds, deadlines, region } = spec;
  const plan = await deletion.step(
    'inspectDeletion',
    { summary: `${imageId}: who needs it, and what goes with it`, deadline: deadlines.inspectDeletion },
    (activities) => activities.inspectDeletion({ build: deletion.ref, imageId, snapshotIds }),
  );
  deletion.found(plan, plan.accountId);
  deletion.phase('deleting');
  deletion.resources.push(...resourcesOf(plan));

  await deletion.step(
    'deleteImage',
    { summary: `${imageId} (${plan.name})`, deadline: deadlines.deleteImage },
    (activities) => activities.deleteImage({ build: deletion.ref, plan }),
  );
  deletion.about('deleteImage', [imageId]);
  gone(deletion.resources, [imageId]);

  if (plan.snapshotIds.length === 0) deletion.skip('deleteSnapshots');
  else {
    await deletion.step(
      'deleteSnapshots',
      { summary: `${plan.snapshotIds.length} snapshots of ${imageId}`, deadline: deadlines.deleteSnapshots },
      (activities) => activities.deleteSnapshots({ build: deletion.ref, snapshotIds: plan.snapshotIds }),
    );
    deletion.about('deleteSnapshots', plan.snapshotIds);
    gone(deletion.resources, plan.snapshotIds);
  }
  return {
    kind: 'delete',
    buildId: deletion.ref.buildId,
    region,
    image: { imageId, name: plan.name },
    steps: deletion.durations(),
    resources: deletion.resources,
  };
}

/** Until they are gone, they count as left over. */
function resourcesOf({ imageId, name, snapshotIds, stays }: DeletionPlan): Resource[] {
  return [
    { type: 'image', id: imageId, fate: 'leftover', note: name },
    ...snapshotIds.map((id): Resource => ({ type: 'snapshot', id, fate: 'leftover', note: `of ${imageId}` })),
    ...stays.map(({ snapshotId, why }): Resource => ({ type: 'snapshot', id: snapshotId, fate: 'kept', note: why })),
  ];
}

function gone(resources: Resource[], ids: string[]): void {
  for (const resource of resources) if (ids.includes(resource.id)) resource.fate = 'deleted';
}

/** A refusal before the first change leaves everything; otherwise what an activity saw last is what is left. */
function settle(resources: Resource[], { untouched, left = [] }: StepFailure): void {
  const [image] = resources;
  if (untouched === true && image?.fate === 'leftover') for (const resource of resources) resource.fate = 'kept';
  else if (left.length > 0 && image?.fate === 'deleted') {
    const there = new Set(left.map(({ id }) => id));
    gone(
      resources,
      resources.filter(({ id, fate }) => fate === 'leftover' && !there.has(id)).map(({ id }) => id),
    );
  }
}
