import {
  formatSeconds,
  type BuildPlan,
  type PlannedResource,
  type PlannedStep,
  type PlanProblem,
} from '../../contract';
import type { DownTime } from '../down-time';
import type { PlannedBuild } from '../plan-build';
import { clean, type Colors, columnsOf, labelled, wrap } from './text';

/** A plan as people read it: what would happen, how long the source would be down, what stands in the way. */
export function renderPlan(
  planned: PlannedBuild,
  problems: PlanProblem[],
  colors: Colors,
  columns = Infinity,
): string[] {
  const { plan, downTime, running } = planned;
  if (!plan) {
    return [
      `A build with this spec is running already, and would be joined: ${running?.buildId ?? ''}`,
      `Watch it with: cvm-image watch ${running?.workflowId ?? ''}`,
    ];
  }
  const { imageName, instanceId, region, method } = plan;
  return [
    colors.bold(clean(`Plan: image ${imageName} of ${instanceId} (${region}), method ${method}. Nothing was changed.`)),
    '',
    ...labelled(facts(planned, plan), colors),
    ...(plan.steps.length === 0
      ? []
      : ['', colors.bold('What would happen'), ...plan.steps.flatMap((step, index) => stepLines(step, index, colors))]),
    ...(downTime
      ? ['', colors.bold(`How long ${instanceId} would be down`), ...downTimeLines(downTime, method, columns)]
      : []),
    '',
    ...verdict(problems, colors),
  ];
}

function facts({ running }: PlannedBuild, plan: BuildPlan): [string, string][] {
  const { source, busy, quota, dryRuns } = plan;
  const rows: [string, string][] = [];
  if (source) {
    const { name, instanceType, zone, osName, wasRunning } = source;
    const about = [name, instanceType, zone, osName].filter(Boolean).join(', ');
    rows.push(['source', `${about}; ${wasRunning ? 'to be running at the end' : 'stopped, and left so'}`]);
  }
  if (busy !== undefined) rows.push(['busy', `${busy}; a build would wait for that first`]);
  if (quota) rows.push(['quota', `${quota.images.used} of ${quota.images.total} custom images`]);
  rows.push(['lock', running ? `held by build ${running.buildId}` : 'free: no build of the instance is running']);
  if (dryRuns.length > 0) {
    rows.push([
      'dry run',
      dryRuns.map(({ action, answer, why }) => `${action} ${answer}${why === undefined ? '' : `: ${why}`}`).join('\n'),
    ]);
  }
  return rows;
}

function stepLines({ step, does, skipped, makes }: PlannedStep, index: number, colors: Colors): string[] {
  const text = clean(`${String(index + 1).padStart(3)}  ${step.padEnd(17)}${skipped ? `not needed: ${does}` : does}`);
  return [
    skipped ? colors.dim(text) : text,
    ...columnsOf(makes.map(cells)).map((line) => `${' '.repeat(22)}+ ${line}`),
  ];
}

const cells = ({ type, name = '', size, note = '' }: PlannedResource) => [
  type,
  name,
  size === undefined ? '' : `${size} GiB`.padStart(9),
  note,
];

function downTimeLines(downTime: DownTime[], chosen: string, columns: number): string[] {
  const names = downTime.map(({ method }) => `${method}${method === chosen ? ' (this plan)' : ''}`);
  const width = Math.max(...names.map((name) => name.length));
  return downTime.flatMap(({ basis, from, ...seconds }, index) => {
    const figure = basis === 'none' ? 'not at all' : `${basis}: ${rangeText(seconds)}`;
    return [
      `  ${names[index]!.padEnd(width)}  ${figure}`,
      ...from.flatMap((reason) =>
        wrap(clean(reason), Math.max(40, columns - width - 6)).map(
          (text, line) => `  ${' '.repeat(width)}  ${line === 0 ? '-' : ' '} ${text}`,
        ),
      ),
    ];
  });
}

/** A range of seconds: `6 min 20 s (5 min 50 s to 7 min 02 s)`, `10 min 00 s to 4 h 00 min`, `at most 2 h 30 min`. */
export function rangeText(seconds: Pick<DownTime, 'leastSeconds' | 'typicalSeconds' | 'mostSeconds'>): string {
  const { leastSeconds, typicalSeconds, mostSeconds } = seconds;
  const least = leastSeconds === undefined ? undefined : formatSeconds(leastSeconds);
  const most = mostSeconds === undefined ? undefined : formatSeconds(mostSeconds);
  if (least === undefined) return most === undefined ? 'unknown' : `at most ${most}`;
  const range = most === undefined || most === least ? least : `${least} to ${most}`;
  if (typicalSeconds === undefined || most === least) return range;
  return `${formatSeconds(typicalSeconds)} (${range})`;
}

function verdict(problems: PlanProblem[], colors: Colors): string[] {
  if (problems.length === 0) return [colors.green('Nothing stands in the way.')];
  const many = problems.length > 1 ? `, for ${problems.length} reasons; the first would end it` : '';
  return [
    colors.bold(colors.red(`A build would be refused${many}.`)),
    ...problems.flatMap(({ step, code, message, advice, requestId }) => {
      const rows: [string, string][] = [
        ['why', message],
        ['code', code],
      ];
      if (requestId !== undefined) rows.push(['RequestId', requestId]);
      if (advice !== undefined) rows.push(['what to do', advice]);
      return ['', `${colors.red('✗')} ${step}`, ...labelled(rows, colors)];
    }),
  ];
}
