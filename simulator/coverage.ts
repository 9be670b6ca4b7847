import { actions } from './actions';
import { treatments } from './treatments';
import { type Field, services, type ServiceName } from './wire/schema';

/** What becomes of the parameters of one action; fields of objects are parameters of their own (`Placement.Zone`). */
export interface ActionCoverage {
  readonly action: string;
  readonly honoured: readonly string[];
  readonly checked: readonly string[];
  readonly ignored: readonly string[];
  readonly refused: readonly string[];
}

/** What the simulator serves of a service. */
export interface ServiceCoverage {
  readonly service: ServiceName;
  readonly served: readonly ActionCoverage[];
  readonly unserved: readonly string[];
}

/** Holds the descriptions of all actions against what is served and how. */
export function coverage(): ServiceCoverage[] {
  return (Object.keys(services) as ServiceName[]).map((service) => {
    const names = Object.keys(services[service].actions).sort();
    return {
      service,
      served: names.filter((name) => name in actions).map((name) => coverageOf(service, name)),
      unserved: names.filter((name) => !(name in actions)),
    };
  });
}

function coverageOf(service: ServiceName, action: string): ActionCoverage {
  const parameters = parametersOf(service, action);
  const { checked = [], ignored = [], refused = [] } = treatments[action] ?? {};
  const under = (names: readonly string[]) => (parameter: string) =>
    names.some((name) => parameter === name || parameter.startsWith(`${name}.`));
  const [isChecked, isIgnored, isRefused] = [under(checked), under(ignored), under(refused)];
  return {
    action,
    honoured: parameters.filter((one) => !isChecked(one) && !isIgnored(one) && !isRefused(one)),
    checked: parameters.filter(isChecked),
    ignored: parameters.filter(isIgnored),
    refused: parameters.filter(isRefused),
  };
}

/** All parameters of an action down to the scalars and lists of scalars. */
function parametersOf(service: ServiceName, action: string): string[] {
  const { objects, actions: described } = services[service];
  const expand = (fields: readonly Field[], path: string): string[] =>
    fields.flatMap(({ name, member }) => {
      const inner = objects[member];
      return inner === undefined ? [`${path}${name}`] : expand(inner, `${path}${name}.`);
    });
  return expand(described[action]?.input ?? [], '');
}

/** The coverage as Markdown: a table for each service, and what is not served. */
export function coverageMarkdown(): string {
  const parts = coverage().map(({ service, served, unserved }) => {
    return [
      `### ${service.toUpperCase()}: ${served.length} of ${served.length + unserved.length} actions`,
      [
        '| action | parameters honoured | checked only | ignored | refused |',
        '| --- | --- | --- | --- | --- |',
        ...served.map((row) => {
          const total = row.honoured.length + row.checked.length + row.ignored.length + row.refused.length;
          const honoured = total === 0 ? 'none to honour' : `${row.honoured.length} of ${total}`;
          const others = (['checked', 'ignored', 'refused'] as const).map((kind) => declared(row.action, kind));
          return `| ${[row.action, honoured, ...others].join(' | ')} |`;
        }),
      ].join('\n'),
      unserved.length === 0 ? '' : `Not served: ${unserved.join(', ')}.`,
    ];
  });
  return `${parts
    .flat()
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

/** Names as they were declared: an object as a whole rather than each of its fields. */
function declared(action: string, kind: 'checked' | 'ignored' | 'refused'): string {
  return [...(treatments[action]?.[kind] ?? [])].sort().join(', ');
}
