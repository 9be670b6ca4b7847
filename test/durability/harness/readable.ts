import type { BuildEnd } from './ending';
import type { Play, PlayedBuild } from './play';
import { sourceWhileHeld } from './restored';
import type { Act } from './scenario';

/** What people read of a build that did not come to a good end: the cause, the cloud's code and RequestId, what to do. */
export async function readableProblems(play: Play, end: BuildEnd): Promise<string[] | undefined> {
  if (end.how !== 'failed' && end.how !== 'cancelled') return undefined;
  const { failure } = end;
  if (!failure) return ['the failure has no report'];
  const problems: string[] = [];
  if (failure.message === '') problems.push('the report has no message');
  const details = await detailsOf(play, end.build);
  const told = `${failure.code} ${failure.message} ${failure.advice ?? ''}`;
  if (play.scenario.says && !play.scenario.says.test(told))
    problems.push(`"${told.trim()}" does not say ${play.scenario.says.source}`);
  if (!details.includes(failure.message)) problems.push(`the details in the UI do not say why: ${details}`);
  if (end.how === 'cancelled') return problems;
  const fromCloud = failure.requestId !== undefined;
  if (fromCloud && !details.includes(failure.requestId!))
    problems.push('the details in the UI do not name the RequestId');
  // The failure may be ours, and the code that it quotes the cloud's: that of its last answer.
  for (const code of new Set([failure.code, ...quoted(failure.message)])) {
    if (!(await cloudSaid(play, code))) continue;
    if (!fromCloud) problems.push(`no RequestId, though the cloud answered ${code}`);
    if (!details.includes(code)) problems.push(`the details in the UI do not name the cloud's ${code}`);
  }
  if (failure.advice === undefined) problems.push(`nothing says what to do about ${failure.code}: ${failure.message}`);
  else if (!details.includes(failure.advice)) problems.push(`the details in the UI do not say what to do: ${details}`);
  if (!end.message.includes(failure.message)) problems.push('the workflow’s failure does not say what the report says');
  return problems;
}

const quoted = (message: string) => [...message.matchAll(/\((\w+(?:\.\w+)*)[,)]/g)].map(([, code]) => code!);

async function cloudSaid({ cloud, since }: Play, code: string): Promise<boolean> {
  return (await cloud.calls({ since })).some(({ outcome }) => outcome === code);
}

/**
 * Somebody looks at a build that is held: its details say why, with the cloud's code and RequestId, and what to do, and its source
 * is not kept waiting.
 */
export const lookHeld = (code: string): Act => ({
  name: 'somebody looks why it is held',
  do: async (play) => {
    play.mayRead = true;
    const details = await detailsOf(play, play.build);
    const wanted: Record<string, RegExp> = {
      'why it is held': /Held until/,
      [`the code ${code}`]: new RegExp(code.replaceAll('.', '\\.')),
      'what to do': /What to do: \S/,
      ...((await cloudSaid(play, code)) ? { 'the RequestId': /RequestId:? [\w-]{8,}/ } : {}),
    };
    for (const [what, pattern] of Object.entries(wanted)) {
      if (!pattern.test(details)) play.unreadable.push(`the details of the held build do not say ${what}: ${details}`);
    }
    play.unrestored.push(...(await sourceWhileHeld(play)));
  },
});

/** What the Temporal UI shows as current details. */
export async function detailsOf({ server }: Play, build: PlayedBuild): Promise<string> {
  const handle = server.client.workflow.getHandle(build.handle.workflowId);
  const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  // As people see it: an upright stroke is written with a backslash, lest it divide a table.
  return (metadata.currentDetails ?? '').replaceAll('\\|', '|');
}
