import { Context } from '@temporalio/activity';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BuildRef,
  formatSeconds,
  type ReleaseState,
  type Resource,
  tagKeys,
  toldWait,
  type WaitProgress,
} from '../../contract';
import type { Cloud } from '../cloud/cloud';
import { CloudError } from '../cloud/errors';
import type { ActivitySettings } from '../settings';
import { type About, finalFailure, messageOf, slowFailure, type StepFacts } from './failures';
import type { Act, Goal, Verdict } from './goal';
import type { Lease } from './lease';
import { Backoff, Pace } from './pace';

export interface RunTools {
  cloud: Cloud;
  /** The cloud of another region, with the same credentials. */
  cloudIn: (region: string) => Cloud;
  settings: ActivitySettings;
  lease: Lease;
}

/**
 * How a step takes failures. `before changes`: it comes before the build's first change to the cloud, so even what a
 * person could mend is refused at once, and nothing has to be cleaned up. `step`: what a person can mend is retried
 * slowly. `undo`: so is everything else, since an undo never gives up before its deadline.
 */
export type Manner = 'before changes' | 'step' | 'undo';

/**
 * Whether somebody has reset the activity, as the Temporal UI does: between two attempts, or while it is paused, its attempts are counted
 * anew from 1, and only the time for which it was scheduled tells that there were others.
 */
const wasReset = ({ scheduledTimestampMs, currentAttemptScheduledTimestampMs }: Context['info']) =>
  currentAttemptScheduledTimestampMs > scheduledTimestampMs;

/** One attempt of one activity: what a step's declaration has in hand. */
export class StepRun {
  readonly cloud: Cloud;
  /** The cloud of another region, for what reaches from one into another. */
  readonly cloudIn: (region: string) => Cloud;
  readonly settings: ActivitySettings;
  /** Whether an earlier attempt may have changed something of which this one does not know. */
  readonly retried: boolean;
  /** Value of the tags that say whose a resource is: installation/build. */
  readonly owner: string;
  /** When this activity was first scheduled, ISO 8601. */
  readonly startedAt: string;
  private readonly context = Context.current();
  private readonly lease: Lease;
  private readonly waits = new Map<string, WaitProgress>();
  private readonly left = new Map<string, Resource>();
  private readonly lost = new Set<string>();
  /** Set when the source carries our restore tag: whatever becomes of the step, it is to be started again. */
  claimed = false;
  /** What became of the image, when it is refused for that. */
  imageState: ReleaseState | undefined;
  private readonly stop = new AbortController();
  private readonly signal: AbortSignal;
  private readonly deadline: number;

  /** Whether this step may have changed anything in the cloud, in this attempt or an earlier one. */
  private changed: boolean;

  constructor(
    tools: RunTools,
    readonly build: BuildRef,
    private readonly manner: Manner,
  ) {
    const { info, cancellationSignal } = this.context;
    this.cloud = tools.cloud;
    this.cloudIn = tools.cloudIn;
    this.settings = tools.settings;
    this.lease = tools.lease;
    this.retried = info.attempt > 1 || wasReset(info) || build.reset;
    this.changed = this.retried;
    this.owner = `${tools.settings.installation}/${build.buildId}`;
    this.startedAt = new Date(info.scheduledTimestampMs).toISOString();
    this.signal = AbortSignal.any([cancellationSignal, this.stop.signal]);
    // A little before Temporal's own deadline, so that the failure can say what was being waited for.
    const limit = info.scheduleToCloseTimeoutMs || Number.POSITIVE_INFINITY;
    this.deadline = info.scheduledTimestampMs + limit - Math.min(5000, limit / 4);
  }

  /**
   * Whether what this step finds made may be of a run of the workflow before a reset. That run has checked it, and it stays good when the
   * source is up again.
   */
  get ofEarlierRun(): boolean {
    return this.build.reset && this.build.extended !== true;
  }

  /** The tags of something that this build makes, at a certain try. */
  tags(own: Record<string, string> = {}, generation = 1): { Key: string; Value: string }[] {
    const all = {
      ...own,
      [tagKeys.build]: this.owner,
      [tagKeys.state]: 'pending',
      ...(generation === 1 ? {} : { [tagKeys.generation]: String(generation) }),
    };
    return Object.entries(all).map(([Key, Value]) => ({ Key, Value }));
  }

  /** Whether a tag's value, installation/build, is of this installation; its name may hold slashes, a build ID does not. */
  isInstallation(value: string | undefined): boolean {
    return value?.slice(0, value.lastIndexOf('/')) === this.settings.installation;
  }

  /** Whether a resource carries this build's tag. */
  owns(tags: { Key?: string; Value?: string }[] | undefined): boolean {
    return (tags ?? []).some(({ Key, Value }) => Key === tagKeys.build && Value === this.owner);
  }

  /** Remembers a resource that was seen, so that a failure can list it; `gone` forgets it. */
  remember(resource: Resource): void {
    this.left.set(resource.id, resource);
  }

  gone(id: string): void {
    this.left.delete(id);
  }

  /** Remembers that somebody else has removed a resource of the build, so that a failure does not list it as kept. */
  lose(id: string): void {
    this.lost.add(id);
  }

  /** Whether a resource is of this try of this build: what an earlier try made no longer matches. */
  isOf(generation: number, tags: { Key?: string; Value?: string }[] | undefined): boolean {
    return this.owns(tags) && this.generationOf(tags) === generation;
  }

  /** The try that made a resource, by its tag. */
  generationOf(tags: { Key?: string; Value?: string }[] | undefined): number {
    return Number((tags ?? []).find(({ Key }) => Key === tagKeys.generation)?.Value ?? 1);
  }

  /**
   * Whether an undo may remove a resource: it is this build's, and nobody has decided to keep it. A reset runs a build once
   * more that had come to its end; what was kept then stays.
   */
  mayRemove(tags: { Key?: string; Value?: string }[] | undefined): boolean {
    return this.owns(tags) && !this.isKept(tags);
  }

  isKept(tags: { Key?: string; Value?: string }[] | undefined): boolean {
    return (tags ?? []).some(({ Key, Value }) => Key === tagKeys.state && Value === 'kept');
  }

  /** What the step cannot get over by itself: the end of it, or for an undo a reason to come back later. */
  refusal(code: string, message: string, advice?: string, requestId?: string): Error {
    return this.failure(code, message, { advice, requestId });
  }

  /** What a person can mend, whatever the step: it comes back later. */
  laterRefusal(code: string, message: string, advice: string): Error {
    return this.slowly(code, message, { advice });
  }

  private failure(code: string, message: string, about: About) {
    return this.manner === 'undo' ? this.slowly(code, message, about) : finalFailure(code, message, about);
  }

  /**
   * Comes back later. When no later attempt would begin in time this is the end: of its own deadline Temporal could only say
   * that it has passed, and neither why nor what is left.
   */
  private slowly(code: string, message: string, about: About) {
    const { blockedSeconds } = this.settings.backoff;
    if (Date.now() + blockedSeconds * 1000 < this.deadline) return slowFailure(code, message, blockedSeconds, about);
    const more = `Or give the step more time (deadlines.${this.deadlineName}).`;
    const advice = about.advice === undefined ? more : `${about.advice} ${more}`;
    return finalFailure(code, `${message}; so it was until ${this.limit} were over`, { ...about, advice });
  }

  private get limit(): string {
    return formatSeconds(this.context.info.scheduleToCloseTimeoutMs / 1000);
  }

  /** What the step knows of itself, for the failure that it ends with. */
  get facts(): StepFacts {
    const { claimed, imageState } = this;
    return { untouched: !this.changed, claimed, left: [...this.left.values()], gone: [...this.lost], imageState };
  }

  /** Brings the world to a goal. Answers what was seen when it was there. */
  async achieve<Seen>(goal: Goal<Seen>): Promise<Seen | undefined> {
    const pace = new Pace(this.settings.waits);
    const backoff = new Backoff(this.settings.backoff);
    let acted = false;
    // Not repeatable, and an earlier attempt may have made the change: its effect may still have to show.
    let unsettled = this.retried;
    let quietSince: number | undefined;
    let standsSince: number | undefined;
    let refused: CloudError | undefined;

    for (;;) {
      const seen = await this.patiently(goal.title, goal.look);
      const verdict = goal.judge(seen, acted);
      if (verdict.is !== 'done') standsSince = undefined;
      if (verdict.is !== 'act' && verdict.is !== 'missing') quietSince = undefined;

      switch (verdict.is) {
        case 'done': {
          standsSince ??= performance.now();
          const standing = (performance.now() - standsSince) / 1000;
          if (standing >= Math.max(goal.standSeconds ?? 0, verdict.standSeconds ?? 0)) {
            this.waits.delete(goal.title);
            return seen;
          }
          await this.wait(goal, { is: 'going', waitingFor: `${goal.title}: making sure that it stays so` }, pace);
          break;
        }
        case 'going':
          await this.wait(goal, verdict, pace);
          break;
        case 'missing':
          quietSince ??= performance.now();
          if ((performance.now() - quietSince) / 1000 >= this.settings.settleSeconds) {
            throw this.refusal(verdict.code, verdict.message, verdict.advice);
          }
          await this.wait(
            goal,
            { is: 'going', waitingFor: verdict.waitingFor ?? `${goal.title}: not to be seen` },
            pace,
          );
          break;
        case 'wrong':
          throw this.failure(verdict.code, verdict.message, {
            advice: verdict.advice,
            // The call whose refusal led to looking again.
            requestId: refused?.code === verdict.code ? refused.requestId : undefined,
          });
        case 'act': {
          const { act } = goal;
          if (!act) throw new Error(`${goal.title}: nothing leads there`);
          if (unsettled && !act.repeatable) {
            quietSince ??= performance.now();
            if ((performance.now() - quietSince) / 1000 < this.settings.settleSeconds) {
              const waitingFor = `${goal.title}: whether an earlier ${act.action} shows`;
              await this.wait(goal, { is: 'going', waitingFor }, pace);
              break;
            }
          }
          const { outcome, made, error } = await this.attempt(goal, act, backoff);
          refused = error ?? refused;
          if (outcome === 'not made') break;
          acted ||= outcome === 'made';
          unsettled = true;
          quietSince = undefined;
          if (made !== undefined && goal.judge(made, true).is === 'done' && !goal.standSeconds) {
            this.waits.delete(goal.title);
            return made;
          }
        }
      }
    }
  }

  /** Brings the world to several goals at once. When one fails, the others stop waiting. */
  achieveAll<Seen>(goals: Goal<Seen>[]): Promise<(Seen | undefined)[]> {
    return this.together(goals.map((goal) => () => this.achieve(goal)));
  }

  /** Does several things at once. When one fails, the others stop waiting; its failure is thrown once all have ended. */
  async together<T>(work: (() => Promise<T>)[]): Promise<T[]> {
    let failure: { error: unknown } | undefined;
    const ends = await Promise.all(
      work.map((one) =>
        one().then(
          (result): T[] => [result],
          (error: unknown): T[] => {
            failure ??= { error };
            this.stop.abort(error);
            return [];
          },
        ),
      ),
    );
    if (failure) throw failure.error;
    return ends.flatMap((end) => end);
  }

  /**
   * Makes everything that `find` finds go away, until it has found nothing new for the settle window: what was made without
   * our being told may take a while to show. What is to be kept is only listed.
   */
  async clear<Seen>(what: {
    title: string;
    find: () => Promise<Seen[]>;
    idOf: (seen: Seen) => string;
    /** Whether it stays. */
    keep: (seen: Seen) => boolean;
    goal: (id: string) => Goal<Seen>;
    /** IDs that were told: until each has been seen, an empty look-up may be a describe that lags. */
    known: string[];
    /** Whether more may have been made than anybody was told. */
    unknownOutcome: boolean;
    /** One that was told and is not found any more: whether it is there all the same, though not as ours. */
    byId?: (id: string) => Promise<Seen | undefined>;
  }): Promise<{ removed: string[]; kept: string[]; foreign: Seen[] }> {
    const { title, find, idOf, keep, goal, known, unknownOutcome, byId } = what;
    const pace = new Pace(this.settings.waits);
    const kept = new Set<string>();
    const removed = new Set<string>();
    const gone = new Set<string>();
    let quietSince: number | undefined;
    for (;;) {
      const found = await this.patiently(title, find);
      // What is gone is not kept, though it be shown once more, and tagged so: that was asked for before, and applied late.
      const mayStay = (one: Seen) => keep(one) && !gone.has(idOf(one));
      const stays = found.filter(mayStay).map(idOf);
      const goes = found.filter((one) => !mayStay(one)).map(idOf);
      const news = goes.some((id) => !removed.has(id)) || stays.some((id) => !kept.has(id));
      stays.forEach((id) => kept.add(id));
      if (goes.length > 0) {
        goes.forEach((id) => removed.add(id));
        const ends = await this.achieveAll(goes.map(goal));
        // A goal may end with something that stays after all.
        goes.forEach((id, index) => ends[index] === undefined && gone.add(id));
      }
      if (news || goes.length > 0) {
        quietSince = undefined;
        // What is shown once more though it was seen to be gone is a describe that lags.
        if (!news) await this.wait({ title }, { is: 'going', waitingFor: `${title}: shown once more` }, pace);
        continue;
      }
      quietSince ??= performance.now();
      const unseen = known.filter((id) => !kept.has(id) && !removed.has(id));
      const standSeconds = !unknownOutcome && unseen.length === 0 ? 0 : this.settings.settleSeconds;
      if ((performance.now() - quietSince) / 1000 >= standSeconds) {
        const looked = byId ? await Promise.all(unseen.map((id) => this.patiently(title, () => byId(id)))) : [];
        const foreign = looked.filter((one) => one !== undefined);
        this.waits.delete(title);
        // What was told and is not there is gone, whoever removed it.
        const unknown = unseen.filter((id) => !foreign.some((one) => idOf(one) === id));
        return { removed: [...removed, ...unknown], kept: [...kept], foreign };
      }
      await this.wait({ title }, { is: 'going', waitingFor: `${title}: making sure that no more show` }, pace);
    }
  }

  /** Looks at the world until it answers. Throttling, network and server errors only cost time. */
  async patiently<T>(title: string, look: () => Promise<T>): Promise<T> {
    const backoff = new Backoff(this.settings.backoff);
    for (;;) {
      try {
        return await look();
      } catch (error) {
        await this.bear(title, error, backoff);
      }
    }
  }

  /**
   * Makes one change, under the lease: `made` when the cloud said so, `unknown` when nobody can tell, `not made` when it
   * was refused in a way that passes (after a pause).
   */
  private async attempt<Seen>(
    goal: Goal<Seen>,
    act: Act<Seen>,
    backoff: Backoff,
  ): Promise<{ outcome: 'made' | 'unknown' | 'not made'; made?: Seen | undefined; error?: CloudError }> {
    await this.cloud.reserve(act.action);
    await this.lease.confirm(this.progress());
    try {
      const made = await act.call();
      this.changed = true;
      backoff.reset();
      this.context.log.info(`${act.action} done`, { ...this.build, goal: goal.title });
      return { outcome: 'made', made };
    } catch (error) {
      const unknown = error instanceof CloudError && error.kind === 'transient';
      if (unknown) this.changed = true;
      if (error instanceof CloudError && act.lookAgain?.test(error.code)) {
        this.explain(goal.title, error);
        await this.pause(backoff.next());
        return { outcome: 'not made', error };
      }
      await this.bear(goal.title, error, backoff);
      return { outcome: unknown ? 'unknown' : 'not made' };
    }
  }

  /** Pauses after an error that passes by itself, and says so; throws every other one as what it means for the build. */
  private async bear(title: string, error: unknown, backoff: Backoff): Promise<void> {
    if (!(error instanceof CloudError)) throw error;
    const { kind, code, requestId } = error;
    const advice = error.advice ?? error.lastAdvice;
    switch (kind) {
      case 'throttled':
      case 'transient':
      case 'busy':
        this.explain(title, error);
        await this.pause(backoff.next());
        return;
      case 'blocked':
        if (this.changed || this.manner !== 'before changes') {
          throw this.slowly(code, messageOf(error), { advice, requestId });
        }
    }
    throw this.failure(code, messageOf(error), { advice, requestId });
  }

  private explain(title: string, error: CloudError): void {
    const { code, message, requestId } = error;
    const waitingFor = this.waits.get(title)?.waitingFor ?? title;
    this.report(title, { waitingFor, problem: { code, message: `${error.action}: ${message}`, requestId } });
    this.context.log.warn(messageOf(error), { ...this.build, goal: title, code, requestId });
  }

  private async wait(
    goal: Pick<Goal<never>, 'title' | 'watch'>,
    verdict: Verdict & { is: 'going' },
    pace: Pace,
  ): Promise<void> {
    const { waitingFor, percent } = verdict;
    this.report(goal.title, { waitingFor, ...(percent === undefined ? {} : { percent }) });
    const milliseconds = pace.next(percent);
    const watch = goal.watch?.();
    await this.pause(milliseconds, watch && ((signal) => watch.on.pause(watch.id, milliseconds, signal)));
  }

  /** Waits, but not beyond a cancellation or the step's deadline. */
  private async pause(milliseconds: number, otherwise?: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const left = this.deadline - Date.now();
    if (left <= 0) throw this.overdue();
    try {
      if (otherwise && milliseconds <= left) await otherwise(this.signal);
      else await sleep(Math.min(milliseconds, left), undefined, { signal: this.signal });
    } catch (error) {
      // Rejects with the SDK's own CancelledFailure, which tells cancelled, paused, reset and shut down apart.
      if (this.context.cancellationSignal.aborted) await this.context.cancelled;
      throw this.stop.signal.aborted ? this.stop.signal.reason : error;
    }
  }

  private overdue(): Error {
    const progress = this.progress();
    return finalFailure('DeadlineExceeded', `not done after ${this.limit}: ${toldWait(progress)}`, {
      advice: `Give the step more time (deadlines.${this.deadlineName}), or find out what holds it up.`,
      requestId: progress.problem?.requestId,
    });
  }

  /** The deadline of the spec that this activity is under. */
  private get deadlineName(): string {
    const { activityType } = this.context.info;
    if (activityType === 'keepResources') return 'createImage';
    if (/^(copyImage|followCopy|copySnapshots|shareImage)$/.test(activityType)) return 'distribute';
    return this.manner === 'undo' ? 'undo' : activityType;
  }

  private report(title: string, progress: WaitProgress): void {
    this.waits.set(title, progress);
    this.context.heartbeat(this.progress());
  }

  /** What this activity waits for, all its goals taken together: its heartbeat details. */
  progress(): WaitProgress {
    const waits = [...this.waits.values()];
    const percents = waits.map(({ percent }) => percent).filter((percent) => percent !== undefined);
    const problem = waits.find((wait) => wait.problem)?.problem;
    return {
      waitingFor: waits.map(({ waitingFor }) => waitingFor).join(', ') || 'looking at the cloud',
      ...(percents.length > 0 && percents.length === waits.length
        ? { percent: Math.floor(percents.reduce((sum, percent) => sum + percent, 0) / percents.length) }
        : {}),
      ...(problem ? { problem } : {}),
    };
  }
}
