import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  isCancellation,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import {
  amendPipeline,
  type BuildFailure,
  type BuildPhase,
  type BuildRef,
  type FamilyPlace,
  type Notification,
  type Pipeline,
  pipelineHash,
  pipelineName,
  type Release,
  type ReleaseImage,
  releaseIdOf,
  type ReleaseOutcome,
  type ReleaseRequest,
  type ReleaseStageName,
  type Rejection,
  rejectImageUpdate,
  reportMemo,
  scheduledById,
  scheduledStartTime,
} from '../../contract';
import { activitiesOf } from '../build-activities';
import { now } from '../clock';
import { type StepFailure, stepFailure } from '../failures';
import { Hold } from '../hold';
import { tell } from '../notices';
import { Approval } from './approve';
import { takeExtensions, type Waiting } from './extensions';
import { ReleaseJournal } from './journal';
import { candidateRejected } from './verdict';

const phases: Record<ReleaseStageName, BuildPhase> = {
  findSource: 'checking',
  build: 'building',
  test: 'testing',
  approve: 'waiting',
  promote: 'promoting',
  distribute: 'distributing',
  retire: 'retiring',
};

/** How long the end of a run waits for its webhook, in seconds: meanwhile the pipeline cannot run again. */
const lastWordsSeconds = 60;

/** A run of a pipeline at work: what its stages stand on. */
export class ReleaseRun {
  pipeline: Pipeline;
  ref: BuildRef;
  /** Counts the tries of stages: what one makes anew bears another token or ID. */
  generation = 1;
  readonly manifest: Release;
  readonly journal: ReleaseJournal;
  readonly approval = new Approval();
  /** Where copies wait for room, once there are any. */
  copyRoom: Waiting | undefined;
  private readonly hold: Hold<Pipeline, ReleaseStageName>;
  private events = 0;
  /** How often each image was to be rejected: whoever asks once more is not to get the old answer. */
  private readonly rejections = new Map<string, number>();
  /** Events that the webhook has not taken yet. */
  private untold = 0;
  private failedStage: ReleaseStageName | undefined;
  private heldInVain = false;

  constructor(
    pipeline: Pipeline,
    readonly request: ReleaseRequest,
  ) {
    const { workflowId, runId, firstExecutionRunId, startTime, typedSearchAttributes: attributes } = workflowInfo();
    const { region, family, roleArn } = pipeline;
    const schedule = request.schedule ?? attributes.get(scheduledById);
    const nominal = request.nominalAt ?? (attributes.get(scheduledStartTime) ?? startTime).toISOString();
    this.pipeline = pipeline;
    const buildId = releaseIdOf(firstExecutionRunId);
    this.ref = { buildId, region, instanceId: '', reset: runId !== firstExecutionRunId, roleArn };
    this.manifest = {
      kind: 'release',
      buildId,
      pipeline: pipelineName(pipeline),
      family,
      region,
      workflowId,
      runId,
      specHash: pipelineHash(pipeline),
      triggered: { by: request.by ?? schedule ?? 'unknown', ...(schedule === undefined ? {} : { schedule }) },
      nominalAt: new Date(nominal).toISOString(),
      startedAt: startTime.toISOString(),
      images: [],
      retired: [],
      stages: [],
      resources: [],
    };
    this.journal = new ReleaseJournal(this.manifest);
    this.hold = new Hold(this.journal, amendPipeline, 'release');
    const waiting = () => ({ hold: this.hold, approve: this.approval, room: this.copyRoom });
    takeExtensions((of) => waiting()[of], this.manifest);
  }

  /** Runs the story to its end; whatever happens, no candidate is left undecided. */
  async run(story: () => Promise<ReleaseOutcome>): Promise<Release> {
    try {
      const outcome = await story();
      await CancellationScope.nonCancellable(() => this.rejectCandidates());
      this.end(outcome);
      this.journal.phase('completed');
      const { reason } = this.manifest;
      this.notify(`release.${outcome}`, `${this.pipeline.family}: ${reason ?? outcome}`);
      await this.lastWords();
      return this.manifest;
    } catch (error) {
      const failure = this.reasonOf(error);
      throw await CancellationScope.nonCancellable(() => this.fail(failure));
    }
  }

  /**
   * Runs one stage. When it is refused, the run is held (`onFailure: hold`), and this stage alone is begun again when somebody
   * asks for it. A stage leaves nothing behind when it fails; a verdict on the candidate is no refusal.
   */
  async stage<T>(name: ReleaseStageName, part: () => Promise<T>): Promise<T> {
    for (;;) {
      this.journal.phase(phases[name]);
      this.journal.begin(name, this.generation);
      try {
        const result = await part();
        this.journal.end(name, 'done');
        return result;
      } catch (error) {
        const failure = this.reasonOf(error);
        const cancelled = failure.code === 'Cancelled';
        this.journal.end(name, cancelled ? 'cancelled' : 'failed', cancelled ? undefined : failure.message);
        if (!cancelled) this.failedStage = name;
        if (cancelled || failure.code === candidateRejected || !(await this.mended(name, failure))) throw error;
      }
    }
  }

  /** The pipeline does not ask for this stage. */
  skip(name: ReleaseStageName): void {
    this.journal.end(name, 'skipped');
  }

  /** The activities, under a deadline in seconds. */
  activities(summary: string, deadline: number): ReturnType<typeof activitiesOf> {
    return activitiesOf(this.pipeline, { summary, deadline });
  }

  /** Where the family's workflow is to act. */
  placeIn(region: string): FamilyPlace {
    const { roleArn, deadlines } = this.pipeline;
    return { region, heartbeat: deadlines.heartbeat, ...(roleArn === undefined ? {} : { roleArn }) };
  }

  /** Has the family's workflow do something, and waits for it. What is asked for once more by a retry is asked anew. */
  askFamily<Result>(
    update: { name: string },
    about: { summary: string; deadline: number; region?: string; once?: string },
    argument: unknown,
  ): Promise<Result> {
    const { runId } = workflowInfo();
    const parts = [update.name, about.region, about.once, String(this.generation)].filter(Boolean);
    return this.activities(about.summary, about.deadline).askFamily({
      build: this.ref,
      family: this.pipeline.family,
      update: update.name,
      updateId: `${runId}-${parts.join('-')}`,
      argument,
    }) as Promise<Result>;
  }

  /** Tells the webhook of the pipeline, if it has one. */
  notify(type: Notification['type'], message: string, more: Partial<Notification['data']> = {}): void {
    const { buildId, region, pipeline, family, source, images } = this.manifest;
    if (this.pipeline.notify === undefined) return;
    this.events += 1;
    this.untold += 1;
    const told = tell(this.pipeline, this.ref, this.events, type, {
      buildId,
      region,
      instanceId: source?.instanceId ?? '',
      imageName: this.journal.progress.imageName,
      pipeline,
      family,
      ...(images[0] ? { imageId: images[0].imageId } : {}),
      message,
      ...more,
    });
    void told.then(() => (this.untold -= 1));
  }

  /** Waits until everything is told: an activity dies with its run. For a webhook that is down it does not wait for long. */
  private async lastWords(): Promise<void> {
    if (this.untold === 0) return;
    const summary = `waits until ${this.pipeline.notify ?? ''} is told, at most ${lastWordsSeconds} s`;
    await CancellationScope.nonCancellable(() =>
      condition(() => this.untold === 0, lastWordsSeconds * 1000, { summary }),
    );
  }

  /** Holds the run after a refusal; says whether somebody has asked for another try. */
  private async mended(name: ReleaseStageName, failure: StepFailure): Promise<boolean> {
    if (this.pipeline.onFailure !== 'hold') return false;
    const { code, advice, requestId } = failure;
    const message = `${name}: ${failure.message}`;
    const { hold } = this.pipeline.deadlines;
    const until = new Date(Date.now() + hold * 1000).toISOString();
    this.notify('release.held', message, { step: name, code, advice, requestId, until });
    const imageStays = this.manifest.images.length > 0;
    const about = { step: name, code, message, advice, requestId, retryFrom: name, secondDownTime: false, imageStays };
    const mended = await this.hold.wait({ about, spec: this.pipeline, committed: imageStays && name !== 'build' });
    if (!mended) {
      this.heldInVain = true;
      return false;
    }
    this.pipeline = mended;
    this.manifest.specHash = pipelineHash(mended);
    this.generation += 1;
    this.failedStage = undefined;
    return true;
  }

  private async fail(failure: StepFailure): Promise<Error> {
    const cancelled = failure.code === 'Cancelled';
    const inStage = (message: string) => (this.failedStage === undefined ? message : `${this.failedStage}: ${message}`);
    this.journal.fail(inStage(failure.message), 'undoing');
    const story = [failure.message, ...(await this.rejectCandidates())].join('; ');
    const message = inStage(story);
    const outcome: ReleaseOutcome = cancelled
      ? 'cancelled'
      : failure.code === candidateRejected
        ? 'rejected'
        : 'failed';
    this.manifest.reason = message;
    this.end(outcome);
    const { code, advice, requestId } = failure;
    const { buildId, resources } = this.manifest;
    const report: BuildFailure<ReleaseStageName> & { release: Release } = {
      buildId,
      step: this.failedStage,
      code,
      message: story,
      advice,
      requestId,
      resources,
      release: this.manifest,
    };
    this.journal.report(report);
    this.journal.fail(message, cancelled ? 'cancelled' : 'failed');
    this.notify(`release.${outcome}`, message, { step: this.failedStage, code, advice, requestId });
    await this.lastWords();
    if (cancelled) {
      // A cancelled workflow has no failure that could tell; the memo is there without a worker too.
      upsertMemo({ [reportMemo]: report });
      return new CancelledFailure(story, [report]);
    }
    return ApplicationFailure.create({ type: code, message, nonRetryable: true, details: [report] });
  }

  /**
   * What was built and is not released is rejected: its tag says so, and the family's workflow deletes it in time.
   *
   * @returns what was promoted after all, in words
   */
  private async rejectCandidates(): Promise<string[]> {
    const promoted: string[] = [];
    for (const image of this.manifest.images.filter(({ state }) => state === 'candidate')) {
      const { imageId, region } = image;
      try {
        await this.reject(image);
        if (image.state === 'rejected') continue;
        promoted.push(`${imageId} is ${image.state} in ${region} all the same: it was promoted before`);
      } catch (error) {
        // Its tag goes on saying candidate, of a run that is over: the next retirement deletes it all the same.
        const { message } = stepFailure(error);
        this.manifest.resources.push({
          type: 'image',
          id: imageId,
          fate: 'kept',
          note: `not rejected: ${message}`,
        });
      }
    }
    return promoted;
  }

  /**
   * Has the family's workflow reject an image, which gives its promotion up. One that is promoted already stays; the manifest
   * then says what it is.
   */
  async reject(image: ReleaseImage): Promise<void> {
    const { imageId, name, region } = image;
    const { retire, deadlines } = this.pipeline;
    const place = this.placeIn(region);
    const argument: Rejection = { place, imageId, name, at: now(), keepFor: retire.keepRejected };
    const tries = (this.rejections.get(imageId) ?? 0) + 1;
    this.rejections.set(imageId, tries);
    const once = tries === 1 ? imageId : `${imageId}-${tries}`;
    const about = { summary: `${imageId} is rejected`, deadline: deadlines.promote, once };
    try {
      await this.askFamily<undefined>(rejectImageUpdate, about, argument);
      image.state = 'rejected';
    } catch (error) {
      const { code, imageState } = stepFailure(error);
      if (code !== 'NotCandidate' || imageState === undefined) throw error;
      image.state = imageState;
    }
  }

  private end(outcome: ReleaseOutcome): void {
    this.manifest.outcome = outcome;
    this.manifest.endedAt = now();
  }

  private reasonOf(error: unknown): StepFailure {
    // A stage may fail of something else while it is being cancelled: what was asked for counts. A build that somebody cancelled
    // by itself is a failure of its stage.
    if (CancellationScope.current().consideredCancelled) return { code: 'Cancelled', message: 'the run was cancelled' };
    if (isCancellation(error)) return { code: 'BuildCancelled', message: 'the build was cancelled' };
    const failure = stepFailure(error);
    if (!this.heldInVain) return failure;
    return { ...failure, message: `${failure.message}; held, and nobody asked for a retry` };
  }
}
