import type { BuildSpecInput, PlanProblem } from '../../contract';
import { exitCodes, type ExitCode } from '../exit-codes';
import { renderPlan } from '../output/plan';
import { print, printJson } from '../output/print';
import { colorsFor, columnsFor } from '../output/text';
import { planBuild, type PlannedBuild } from '../plan-build';
import { conflict } from '../start-build';
import { webUiUrl } from '../web-ui';
import { connected } from './connected';
import { type CommonOptions, uiPlace } from './options';

/** Says what a build with this spec would do, and starts none. Ends with 1 when it would be refused. */
export async function plan(spec: BuildSpecInput, options: CommonOptions & { taskQueue?: string }): Promise<ExitCode> {
  return connected(options, async (temporal) => {
    const { taskQueue, json } = options;
    const planned = await planBuild(temporal.client, spec, taskQueue === undefined ? {} : { taskQueue });
    const problems = problemsOf(spec, planned);
    const exitCode = problems.length === 0 ? exitCodes.done : exitCodes.buildFailed;
    const { workflowId, runId } = planned;
    const webUi = workflowId !== undefined && runId !== undefined ? { workflowId, runId } : planned.running;
    const address = webUi && webUiUrl(uiPlace(temporal, options), webUi);
    if (json === true) {
      printJson({ type: 'plan', exitCode, ...planned, problems, ...(address === undefined ? {} : { webUi: address }) });
    } else {
      print(...renderPlan(planned, problems, colorsFor(process.stdout), columnsFor(process.stdout)));
    }
    return exitCode;
  });
}

/** Everything that a build would be refused for: first the lock, which it would meet before any worker. */
function problemsOf(spec: BuildSpecInput, { plan: made, running }: PlannedBuild): PlanProblem[] {
  const { name, message } = running && !running.sameSpec ? conflict(spec, running) : {};
  const locked: PlanProblem[] =
    name === undefined || message === undefined ? [] : [{ step: 'start', code: name, message }];
  return [...locked, ...(made?.problems ?? [])];
}
