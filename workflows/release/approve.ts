import { condition, setHandler } from '@temporalio/workflow';
import { approveUpdate, type Decision, formatSeconds, type Pipeline, rejectUpdate, type Verdict } from '../../contract';
import { now } from '../clock';
import { refuse } from '../failures';
import type { ReleaseRun } from './release';
import { reject } from './verdict';

type Rules = NonNullable<Pipeline['approve']>;

/** So many reminders come as the pipeline says; from then on one a day, for each takes a dozen events of a history that has 51,200. */
const mostReminders = 1000;
const dailySeconds = 86_400;

/** The updates `approve` and `reject`, and the waiting for one of them. */
export class Approval {
  private waiting: { run: ReleaseRun; end: number } | undefined;
  private decision: Decision | undefined;

  constructor() {
    const takes = 'Takes {"by": "your name", "reason": "…"}.';
    setHandler(approveUpdate, (verdict) => this.decide('approved', verdict), {
      description: `Approves the candidate that waits: it is promoted next. ${takes}`,
      validator: (verdict: Verdict | undefined) => this.check(verdict, false),
    });
    setHandler(rejectUpdate, (verdict) => this.decide('rejected', verdict), {
      description: `Rejects the candidate that waits: the run ends, and the image is deleted after a while. ${takes}`,
      validator: (verdict: Verdict | undefined) => this.check(verdict, true),
    });
  }

  /** Whether a candidate waits now, and nobody has decided. */
  get isOn(): boolean {
    return this.waiting !== undefined && this.decision === undefined;
  }

  /** Waits longer, by so many seconds; answers until when. */
  extend(seconds: number): string {
    const { run } = this.waiting!;
    this.waiting!.end += seconds * 1000;
    const until = new Date(this.waiting!.end).toISOString();
    run.journal.waitUntil(until);
    return until;
  }

  /**
   * Waits until somebody has decided; the webhook is told, and told again while nobody has.
   *
   * @throws CandidateRejected when somebody says no, or nobody says anything in time
   */
  async wait(run: ReleaseRun, { deadline, remindEvery }: Rules, imageId: string): Promise<void> {
    const begun = Date.now();
    const waiting = (this.waiting = { run, end: begun + deadline * 1000 });
    run.journal.wait({ imageId, since: new Date(begun).toISOString(), until: new Date(waiting.end).toISOString() });
    try {
      for (let told = 1; !this.decision; told += 1) {
        const { end } = waiting;
        const left = end - Date.now();
        if (left <= 0) break;
        run.notify('release.waiting', `${imageId} waits for approval`, {
          step: 'approve',
          advice: `cvm-image approve ${run.manifest.workflowId} --by NAME, or reject`,
          until: new Date(end).toISOString(),
        });
        const summary = `${imageId} waits for approval: ${formatSeconds(left / 1000)} left`;
        // Ends early also when there is more time than this timer says; then the webhook is told of that.
        const over = () => this.decision !== undefined || waiting.end !== end;
        const every = told < mostReminders ? remindEvery : Math.max(remindEvery, dailySeconds);
        await condition(over, Math.min(left, every * 1000), { summary });
      }
    } finally {
      this.waiting = undefined;
      run.journal.wait(undefined);
    }
    const decision: Decision = this.decision ?? {
      verdict: 'rejected',
      by: 'deadline',
      reason: `nobody approved it within ${formatSeconds((waiting.end - begun) / 1000)}`,
      at: now(),
    };
    run.manifest.decision = decision;
    const why = decision.reason === undefined ? '' : `: ${decision.reason}`;
    if (decision.verdict === 'rejected') throw reject(`${imageId} was rejected by ${decision.by}${why}`);
    run.journal.note('approve', `by ${decision.by}${why}`);
  }

  private decide(verdict: Decision['verdict'], { by, reason }: Verdict): Decision {
    return (this.decision = { verdict, by: by.trim(), ...(reason === undefined ? {} : { reason }), at: now() });
  }

  private check(verdict: Verdict | undefined, needsReason: boolean): void {
    const { by, reason } = (verdict ?? {}) as Partial<Record<keyof Verdict, unknown>>;
    if (typeof by !== 'string' || by.trim() === '' || by.length > 100) {
      refuse('BadRequest', 'say who you are: {"by": "your name"}, at most 100 characters');
    }
    if (reason !== undefined && (typeof reason !== 'string' || reason.length > 1000)) {
      refuse('BadRequest', 'the reason is text of at most 1000 characters');
    }
    if (needsReason && (typeof reason !== 'string' || reason.trim() === '')) {
      refuse('BadRequest', 'a rejection needs a reason: {"by": "your name", "reason": "…"}');
    }
    if (!this.waiting) refuse('NotWaiting', 'No candidate waits for approval now.');
    if (this.decision) {
      const { verdict: said, by: who } = this.decision;
      refuse('AlreadyDecided', `It has been ${said} by ${who} already.`);
    }
  }
}
