import { setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import type { SearchAttributePair } from '@temporalio/common';
import {
  type BuildFailure,
  type BuildPhase,
  type HeldProgress,
  type OperationProgress,
  progressQuery,
  type Release,
  releaseQuery,
  type ReleaseStageName,
  releaseStageNames,
  searchAttributes,
  type StepProgress,
  type WaitingProgress,
} from '../../contract';
import { now, secondsBetween } from '../clock';
import { releaseDetails } from './details';

/** What people see of a release: its queries, the current details in the Web UI, its search attributes. */
export class ReleaseJournal {
  readonly progress: OperationProgress<ReleaseStageName>;

  constructor(private readonly release: Release) {
    const { buildId, region, family } = release;
    this.progress = {
      kind: 'release',
      buildId,
      region,
      imageName: '',
      phase: 'checking',
      steps: releaseStageNames.map((step) => ({ step, state: 'pending', resources: [] })),
      undo: [],
    };
    setHandler(progressQuery, () => this.progress as never, {
      description: 'Where the release is: its stages with their states, times and resources',
    });
    setHandler(releaseQuery, () => this.release, {
      description: 'The manifest of the release, as far as it is written',
    });
    upsertSearchAttributes([
      { key: searchAttributes.BuildId, value: buildId },
      { key: searchAttributes.BuildPhase, value: 'checking' },
      { key: searchAttributes.ImageRegion, value: region },
      { key: searchAttributes.ImageFamily, value: family },
    ]);
    this.show();
  }

  /** Enters a phase, and perhaps knows more for the lists; one event in the history. */
  phase(phase: BuildPhase, more: SearchAttributePair[] = []): void {
    if (phase === this.progress.phase && more.length === 0) return;
    this.progress.phase = phase;
    upsertSearchAttributes([{ key: searchAttributes.BuildPhase, value: phase }, ...more]);
    this.show();
  }

  begin(stage: ReleaseStageName, generation: number): void {
    const step = this.stepOf(stage);
    delete step.note;
    delete step.endedAt;
    Object.assign(step, { state: 'running', startedAt: now(), ...(generation === 1 ? {} : { generation }) });
    this.show();
  }

  end(stage: ReleaseStageName, state: StepProgress['state'], note?: string): void {
    const ended = state === 'skipped' ? {} : { endedAt: now() };
    Object.assign(this.stepOf(stage), { state, ...ended, ...(note === undefined ? {} : { note }) });
    this.release.stages = this.progress.steps
      .filter((one) => one.state === 'done' && one.endedAt !== undefined)
      .map((one) => ({ step: one.step, seconds: secondsBetween(one.startedAt!, one.endedAt!) }));
    this.show();
  }

  /** What a stage works on, and what it does, in one line. */
  note(stage: ReleaseStageName, note: string, resources?: string[]): void {
    Object.assign(this.stepOf(stage), { note, ...(resources ? { resources } : {}) });
    this.show();
  }

  named(imageName: string): void {
    this.progress.imageName = imageName;
    this.show();
  }

  hold(held: HeldProgress<ReleaseStageName> | undefined): void {
    if (held) this.progress.held = held;
    else delete this.progress.held;
    if (held) this.fail(held.message, 'held');
    else delete this.progress.failure;
    this.show();
  }

  holdUntil(until: string): void {
    if (this.progress.held) this.progress.held.until = until;
    this.show();
  }

  wait(waiting: WaitingProgress | undefined): void {
    if (waiting) this.progress.waiting = waiting;
    else delete this.progress.waiting;
    this.show();
  }

  waitUntil(until: string): void {
    if (this.progress.waiting) this.progress.waiting.until = until;
    this.show();
  }

  fail(message: string, phase: BuildPhase): void {
    this.progress.failure = message;
    this.phase(phase);
  }

  report(report: BuildFailure<ReleaseStageName>): void {
    this.progress.report = report;
    this.show();
  }

  /** Shows what has changed in the manifest. */
  show(): void {
    setCurrentDetails(releaseDetails(this.progress, this.release));
  }

  private stepOf(stage: ReleaseStageName): StepProgress<ReleaseStageName> {
    return this.progress.steps.find(({ step }) => step === stage)!;
  }
}
