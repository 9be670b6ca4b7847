import type { BuildPlan } from '../contract';

/** A plan as Markdown, for the details of its workflow in the Temporal Web UI. */
export function planDetails({
  imageName,
  instanceId,
  region,
  method,
  busy,
  problems,
  steps,
  dryRuns,
}: BuildPlan): string {
  const verdict = problems.length === 0 ? 'nothing stands in the way' : 'a build would be refused';
  const rows = steps.flatMap(({ step, does, skipped, makes }, index) => [
    `| ${index + 1} | ${step} | ${escape(skipped ? `– ${does}` : does)} | ${escape(makes.map(described).join('; '))} |`,
  ]);
  return [
    `**Plan: ${verdict}** · image \`${imageName}\` of \`${instanceId}\` in ${region} by method ${method} · nothing was changed`,
    ...problems.map(
      ({ step, code, message, advice }) =>
        `\n- ✗ **${code}** (${step}): ${escape(message)}${advice === undefined ? '' : ` What to do: ${escape(advice)}`}`,
    ),
    ...(busy === undefined ? [] : ['', `A build would wait first: ${escape(busy)}`]),
    ...(dryRuns.length > 0
      ? ['', `DryRun: ${dryRuns.map(({ action, answer }) => `${action} ${answer}`).join(', ')}`]
      : []),
    ...(rows.length > 0 ? ['', '| | step | what it would do | makes |', '|---|---|---|---|', ...rows] : []),
  ].join('\n');
}

const described = ({ type, name, size, note }: BuildPlan['steps'][number]['makes'][number]) =>
  [type, name, size === undefined ? undefined : `${size} GiB`, note].filter(Boolean).join(' ');

const escape = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
