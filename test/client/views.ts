import { type StepName, stepNames, type StepProgress } from '../../contract';
import type { BuildView, StepView } from '../../client/view';

export const startedAt = '2026-03-01T10:00:00.000Z';
/** Milliseconds at so many seconds after the build's start. */
export const at = (seconds: number) => Date.parse(startedAt) + seconds * 1000;
const iso = (seconds: number) => new Date(at(seconds)).toISOString();

/** A step that ran from one second of the build to another; without an end, it is still at it. */
export const ran = (from: number, to?: number): Partial<StepView> => ({
  state: to === undefined ? 'running' : 'done',
  startedAt: iso(from),
  ...(to === undefined ? {} : { endedAt: iso(to) }),
});

/** A build in the state that a test wants to see drawn. */
export function viewWith(
  steps: Partial<Record<StepName, Partial<StepView>>>,
  more: Partial<BuildView> = {},
): BuildView {
  const blank = (step: StepName): StepProgress => ({ step, state: 'pending', resources: [] });
  return {
    workflowId: 'build-image/ap-guangzhou/ins-web00001',
    runId: '0190a0b1-0000-7000-8000-0123456789ab',
    buildId: 'web00001-0123456789ab',
    region: 'ap-guangzhou',
    instanceId: 'ins-web00001',
    imageName: 'web-2026',
    status: 'running',
    phase: 'imaging',
    startedAt,
    undo: [],
    notes: [],
    ...more,
    steps: stepNames.map((step) => ({ ...blank(step), ...steps[step] })),
  };
}
