import { workflowInfo } from '@temporalio/workflow';
import { formatSeconds, type Resource, type StepState } from '../contract';
import { secondsBetween } from './clock';

const marks: Record<StepState, string> = {
  pending: '·',
  running: '▶',
  done: '✓',
  failed: '✗',
  cancelled: '✗',
  skipped: '–',
};

interface Line {
  name: string;
  state: StepState;
  startedAt?: string;
  endedAt?: string;
  resources?: string[];
  note?: string;
}

/** Steps or undos as a Markdown table, for the current details in the Web UI. */
export function table(heading: string, lines: Line[]): string[] {
  const rows = lines.map(({ name, state, startedAt, endedAt, resources = [], note }) => {
    const took = startedAt && endedAt ? formatSeconds(secondsBetween(startedAt, endedAt)) : '';
    const what = [resources.join(', '), note].filter(Boolean).join(' · ');
    return `| ${name} | ${marks[state]} ${state} | ${took} | ${cell(what)} |`;
  });
  return [`| ${heading} | state | took | result |`, '|---|---|---|---|', ...rows];
}

/** Resources as a Markdown list, each with what became of it. */
export const resourceList = (resources: Resource[]): string[] =>
  resources.map(({ type, id, fate }) => `- ${type} \`${id}\`: ${fate}`);

/** Code and RequestId of a failure, where its message is not the cloud's own, which has them. */
export function reference(
  failure: string | undefined,
  code: string | undefined,
  requestId: string | undefined,
): string[] {
  const parts = Object.entries({ Code: code, RequestId: requestId }).filter(
    ([, value]) => value !== undefined && failure?.includes(value) !== true,
  );
  return parts.length === 0 ? [] : ['', parts.map(([name, value]) => `${name}: ${value}`).join(' · ')];
}

/** Text of others in one line of Markdown, also inside a table. */
export const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** A link to the workflows of this namespace that a query finds; relative, since a workflow does not know where its UI is. */
export function found(text: string, query: string): string {
  const { namespace } = workflowInfo();
  return `[${text}](/namespaces/${encodeURIComponent(namespace)}/workflows?query=${encodeURIComponent(query)})`;
}
