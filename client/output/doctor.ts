import type { DoctorCheck } from '../doctor';
import { clean, type Colors, pad } from './text';

const marks = { ok: ['✓', 'green'], wrong: ['✗', 'red'], unknown: ['?', 'yellow'] } as const;
const width = 20;

/** A finding as lines: what, found, and unless all is well what to do. */
export function checkLines({ name, health, found, advice, code, requestId }: DoctorCheck, colors: Colors): string[] {
  const [mark, color] = marks[health];
  const from = [code, requestId === undefined ? undefined : `RequestId ${requestId}`].filter(Boolean).join(', ');
  const about = from === '' ? found : `${found} (${from})`;
  return [
    `${colors[color](mark)} ${pad(name, width)}${clean(about)}`,
    ...(health === 'ok' || advice === undefined
      ? []
      : advice
          .split('\n')
          .map((text, index) => `  ${' '.repeat(width)}${colors.dim(index === 0 ? '→' : ' ')} ${clean(text)}`)),
  ];
}

/** Several findings that say the same of their subjects, as one. */
export function together(checks: DoctorCheck[]): DoctorCheck[] {
  const groups = new Map<string, DoctorCheck[]>();
  for (const check of checks) {
    const key = check.kind === 'permission' ? `${check.health} ${check.found} ${check.advice ?? ''}` : check.name;
    groups.set(key, [...(groups.get(key) ?? []), check]);
  }
  return [...groups.values()].map((group) => {
    const [first] = group as [DoctorCheck];
    if (group.length === 1) return first;
    return { ...first, name: 'permissions', found: `${group.map(({ name }) => name).join(', ')}: ${first.found}` };
  });
}
