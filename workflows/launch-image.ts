import { workflowInfo } from '@temporalio/workflow';
import {
  checkLaunchSpec,
  launchIdOf,
  type LaunchResult,
  type LaunchSpec,
  type LaunchSpecInput,
  launchStepNames,
  type LaunchStepName,
  type Resource,
} from '../contract';
import { accepted } from './checked-spec';
import type { StepFailure } from './failures';
import { Operation } from './operation';

/**
 * Launches an instance from a custom image, optionally with new data disks from a build's snapshots.
 *
 * The same step as in a build, with the same guarantees: a launch that fails or is cancelled leaves nothing behind. Every
 * launch makes an instance of its own; asking twice makes two.
 *
 * Fails with an ApplicationFailure whose type is the cloud's own code and whose first detail is a `LaunchFailure`.
 */
export async function launchImage(input: LaunchSpecInput): Promise<LaunchResult> {
  const spec = accepted(checkLaunchSpec(input));
  const { firstExecutionRunId } = workflowInfo();
  const launch = new Launch(spec, launchIdOf(firstExecutionRunId));
  return launch.run(
    () => procedure(launch, spec),
    (failure) => launch.undoAfter(failure),
  );
}

async function procedure(launch: Launch, spec: LaunchSpec): Promise<LaunchResult> {
  const { deadlines, region, launch: settings } = spec;
  const plan = await launch.step(
    'inspectLaunch',
    { summary: `${spec.image} and what the spec asks for`, deadline: deadlines.inspectLaunch },
    (activities) => activities.inspectLaunch({ build: launch.ref, spec }),
  );
  const { image, snapshots } = plan;
  launch.found(image, plan.source.accountId);
  launch.phase('launching');

  launch.begun = true;
  const instance = await launch.step(
    'launchInstance',
    { summary: `from ${image.imageId} in ${settings.zone}`, deadline: deadlines.launchInstance },
    (activities) =>
      activities.launchInstance({
        ...plan,
        build: launch.ref,
        generation: 1,
        runId: workflowInfo().runId,
        imageId: image.imageId,
        settings,
      }),
  );
  const diskIds = [instance.systemDiskId, ...instance.dataDisks.map(({ diskId }) => diskId)];
  launch.made(instance.instanceId, diskIds);

  await launch.step(
    'keepResources',
    { summary: `keep ${instance.instanceId}`, deadline: deadlines.launchInstance },
    (activities) => activities.keepResources({ build: launch.ref, instanceIds: [instance.instanceId], diskIds }),
  );
  launch.kept();
  return {
    kind: 'launch',
    buildId: launch.ref.buildId,
    region,
    image,
    snapshots,
    instance,
    steps: launch.durations(),
    resources: launch.resources,
  };
}

/** A launch with the way back: the undo is known before the instance is asked for. */
class Launch extends Operation<LaunchStepName> {
  /** From here on there may be an instance, though its answer was lost. */
  begun = false;
  private known: string[] = [];

  constructor(
    private readonly launchSpec: LaunchSpec,
    id: string,
  ) {
    super({ kind: 'launch', id, image: launchSpec.image, spec: launchSpec, steps: launchStepNames });
  }

  made(instanceId: string, diskIds: string[]): void {
    this.known = [instanceId];
    this.resources.push(
      { type: 'instance', id: instanceId, fate: 'made' },
      ...diskIds.map((id): Resource => ({ type: 'disk', id, fate: 'made', note: `of ${instanceId}` })),
    );
    this.about('launchInstance', [instanceId]);
  }

  kept(): void {
    this.begun = false;
    for (const resource of this.resources) resource.fate = 'kept';
  }

  /** Terminates what was launched; what cannot be removed in time is listed as a leftover. */
  async undoAfter({ untouched }: StepFailure): Promise<void> {
    if (!this.begun || (untouched === true && this.known.length === 0)) return;
    const outcome = await this.undo('undoLaunchInstance', this.launchSpec.deadlines.undo, (activities) =>
      activities.undoLaunchInstance({
        build: this.ref,
        generation: 1,
        known: this.known,
        unknownOutcome: this.known.length === 0,
      }),
    );
    const failed = 'code' in outcome;
    const told: Resource[] = failed
      ? (outcome.left ?? []).map((resource) => ({ ...resource, fate: 'leftover' }))
      : outcome.resources;
    // The undo proves what is gone; disks that it did not see went with their instance.
    for (const resource of this.resources) resource.fate = failed ? 'leftover' : 'deleted';
    for (const resource of told) {
      const known = this.resources.find(({ id }) => id === resource.id);
      if (known) known.fate = resource.fate;
      else this.resources.push(resource);
    }
  }
}
