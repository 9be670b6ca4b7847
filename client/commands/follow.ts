import type { Connected } from '../connect';
import { exitCodes, type ExitCode } from '../exit-codes';
import { type BuildRun, followBuild } from '../follow-build';
import { type BuildOutcome, kindOfId, nouns } from '../outcome';
import { ChangeLog } from '../output/changes';
import { frame } from '../output/frame';
import { LiveView } from '../output/live';
import { print, printError, printJson } from '../output/print';
import { renderHeld, renderWaiting } from '../output/held';
import { renderOutcome } from '../output/result';
import { colorsFor, plain } from '../output/text';
import { type BuildView, secondsOf } from '../view';
import { webUiUrl } from '../web-ui';
import { type CommonOptions, uiPlace } from './options';

/** Shows a build until its end, as a picture that moves, as a log, or as JSON. */
export async function follow(temporal: Connected, run: BuildRun, options: CommonOptions): Promise<ExitCode> {
  const screen = screenFor(options);
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, leave);
  let last: BuildView | undefined;
  const watching = (async () => {
    for await (const view of followBuild(temporal.client, run, { signal: leaving.signal })) {
      // A look that was under way when the user left must not draw over the farewell.
      if (leaving.signal.aborted) return;
      screen.show((last = view));
      // It goes on only when somebody asks for it, which may be in days.
      if (isHeld(view)) return;
    }
  })();
  try {
    await Promise.race([watching, aborted(leaving.signal)]);
  } finally {
    screen.end();
    for (const signal of signals) process.off(signal, leave);
    watching.catch(() => undefined);
  }
  if (last?.outcome) return conclude(temporal, last, last.outcome, options);
  if (last && isHeld(last)) return sayHeld(temporal, last, options);
  sayHowToComeBack(run, options);
  return exitCodes.done;
}

/** Held with its source up again, or waiting for an approval: nothing more happens by itself. */
const isHeld = ({ held, waiting, sourceDownSince }: BuildView) =>
  (held !== undefined || waiting !== undefined) && sourceDownSince === undefined;

function sayHeld(temporal: Connected, view: BuildView, options: CommonOptions): ExitCode {
  const { workflowId, runId, buildId, held, waiting } = view;
  const webUi = webUiUrl(uiPlace(temporal, options), view);
  if (options.json === true) {
    printJson({
      type: held ? 'held' : 'waiting',
      workflowId,
      runId,
      buildId,
      exitCode: exitCodes.held,
      ...(held ? { held } : { waiting }),
      ...(webUi ? { webUi } : {}),
    });
  } else {
    const options = { colors: colorsFor(process.stdout), webUi };
    print('', held ? renderHeld(view, held, options) : renderWaiting(view, waiting!, options));
  }
  return exitCodes.held;
}

interface Screen {
  show(view: BuildView): void;
  end(): void;
}

function screenFor({ json }: CommonOptions): Screen {
  if (json === true) return { show: (view) => printJson({ type: 'state', build: view }), end: () => undefined };
  if (process.stdout.isTTY && process.env.TERM !== 'dumb') return new LiveView(process.stdout);
  let log: ChangeLog | undefined;
  return {
    show: (view) => {
      const now = Date.now();
      // Of a build that was over before we came there is a picture, no story.
      if (!log && view.outcome) print(...frame(view, { colors: plain, columns: Infinity, rows: Infinity, now }));
      else print(...(log ??= new ChangeLog()).next(view, now));
    },
    end: () => undefined,
  };
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

function conclude(temporal: Connected, view: BuildView, outcome: BuildOutcome, options: CommonOptions): ExitCode {
  const exitCode = exitCodeOf(outcome);
  const webUi = webUiUrl(uiPlace(temporal, options), view);
  if (options.json === true) {
    const { workflowId, runId, buildId } = view;
    printJson({ type: 'result', workflowId, runId, buildId, exitCode, ...outcome, ...(webUi ? { webUi } : {}) });
  } else {
    const seconds = secondsOf(view, Date.now());
    const colors = colorsFor(process.stdout);
    print('', renderOutcome(outcome, { colors, region: view.region, seconds, webUi }));
  }
  return exitCode;
}

export function exitCodeOf({ status }: BuildOutcome): ExitCode {
  if (status === 'completed') return exitCodes.done;
  return status === 'cancelled' ? exitCodes.cancelled : exitCodes.buildFailed;
}

function sayHowToComeBack({ workflowId }: BuildRun, { json }: CommonOptions): void {
  if (json === true) {
    printJson({ type: 'detached', workflowId });
    return;
  }
  printError(
    '',
    `You have left; the ${nouns[kindOfId(workflowId)]} goes on.`,
    `Come back with: cvm-image watch ${workflowId}`,
    `Cancel it with: cvm-image cancel ${workflowId}`,
  );
}
