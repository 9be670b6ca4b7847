import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import { type BuildResult, checkLaunchSpec, type LaunchedInstance, type Pipeline, type Resource } from '../../contract';
import { accepted } from '../checked-spec';
import { stepFailure } from '../failures';
import type { ReleaseRun } from './release';
import { reject } from './verdict';

type Test = NonNullable<Pipeline['test']>;

/** What says that the image is bad, and not that the cloud or the settings are in the way. */
const verdicts = ['TestFailed', 'LaunchFailed'];

/**
 * Launches a throw-away instance from the candidate, with new disks from the snapshots, and checks it. Whatever happens, the
 * instance is terminated, and seen to be gone. A candidate that fails is rejected; a test that could not be made is a refusal.
 */
export async function testCandidate(run: ReleaseRun, test: Test, built: BuildResult): Promise<void> {
  const { imageId } = built.image;
  const tester = new Tester(run, test, built);
  try {
    const found = await tester.examine();
    run.manifest.test = { instanceId: tester.instance?.instanceId, passed: true, found };
    run.journal.note('test', 'passed');
  } catch (error) {
    const { code, message, advice } = stepFailure(error);
    if (!verdicts.includes(code)) throw error;
    run.manifest.test = { instanceId: tester.instance?.instanceId, passed: false, found: [message] };
    throw reject(`${imageId} has failed its test: ${message}`, advice);
  } finally {
    await CancellationScope.nonCancellable(() => tester.terminate());
  }
}

/** A test at work: the undo is known before the instance is asked for. */
class Tester {
  instance: LaunchedInstance | undefined;
  private begun = false;

  constructor(
    private readonly run: ReleaseRun,
    private readonly test: Test,
    private readonly built: BuildResult,
  ) {}

  /** Launches the instance and looks at it; answers what was found. */
  async examine(): Promise<string[]> {
    const { run, built } = this;
    const { deadlines } = run.pipeline;
    const { settle, address, checks } = this.test;
    const build = this.ref;
    const spot = this.test.launch.chargeType === 'SPOTPAID';
    const { instanceId } = (this.instance = await this.launch());
    run.journal.note('test', `${instanceId} runs`, [built.image.imageId, instanceId]);
    await run
      .activities(`${instanceId} stays RUNNING for ${settle} s`, settle + deadlines.launchTest)
      .watchGuest({ build, instanceId, seconds: settle, spot });
    if (checks.length === 0) return [`RUNNING for ${settle} s`];
    const longest = Math.max(...checks.map(({ timeout }) => timeout));
    const { found } = await run
      .activities(`${checks.length} checks of ${instanceId}`, longest + deadlines.launchTest)
      .checkGuest({ build, instanceId, address, checks, spot });
    return [`RUNNING for ${settle} s`, ...found];
  }

  private async launch(): Promise<LaunchedInstance> {
    const { run, built } = this;
    const { region, deadlines, family } = run.pipeline;
    const { imageId } = built.image;
    const spec = accepted(
      checkLaunchSpec({
        region,
        image: imageId,
        // Without snapshots of data disks there is nothing to make new ones from.
        ...(built.snapshots.length === 0 ? {} : { build: built.buildId }),
        launch: { ...this.test.launch, name: this.test.launch.name ?? `test-${family}`.slice(0, 60) },
      }),
    );
    const plan = await run
      .activities(`${imageId} and what the test asks for`, deadlines.findSource)
      .inspectLaunch({ build: this.ref, spec });
    this.begun = true;
    return run.activities(`from ${imageId} in ${spec.launch.zone}`, deadlines.launchTest).launchInstance({
      ...plan,
      build: this.ref,
      generation: run.generation,
      runId: workflowInfo().runId,
      imageId,
      settings: spec.launch,
    });
  }

  /** Terminates the instance with its disks; what cannot be removed in time is listed as left over, for the sweep. */
  async terminate(): Promise<void> {
    if (!this.begun) return;
    const { run } = this;
    const known = this.instance ? [this.instance.instanceId] : [];
    const { undo } = run.pipeline.deadlines;
    try {
      const { resources } = await run
        .activities(`terminate ${known[0] ?? 'the instance of the test'}`, undo)
        .undoLaunchInstance({
          build: this.ref,
          generation: run.generation,
          known,
          unknownOutcome: known.length === 0,
        });
      this.list(resources);
    } catch (error) {
      const { message, left } = stepFailure(error);
      const unproven = known.map((id): Resource => ({ type: 'instance', id, fate: 'leftover', note: message }));
      this.list((left ?? unproven).map((one) => ({ ...one, fate: 'leftover', note: message })));
    }
  }

  private list(resources: Resource[]): void {
    this.run.manifest.resources.push(...resources);
    this.run.journal.show();
  }

  /** The instance is tagged as this release's, so that a sweep finds it when the run does not live to terminate it. */
  private get ref() {
    return { ...this.run.ref, instanceId: this.built.image.imageId };
  }
}
