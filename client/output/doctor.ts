import type { DoctorCheck } from '../doctor';
import { clean, type Colors, pad, wrap } from './text';

const marks = { ok: ['✓', 'green'], wrong: ['✗', 'red'], unknown: ['?', 'magenta'] } as const;
const width = 20;

/** A finding as lines: what, found, and unless all is well what to do. Commands to copy are not broken. */
export function checkLines(check: DoctorCheck, colors: Colors, columns = Infinity): string[] {
  const { name, health, found, advice, code, requestId } = check;
  const [mark, color] = marks[health];
  const from = [code, requestId === undefined ? undefined : `RequestId ${requestId}`].filter(Boolean).join(', ');
  const indent = ' '.repeat(width + 2);
  const room = Math.max(40, columns - width - 2);
  const [first = '', ...more] = wrap(clean(from === '' ? found : `${found} (${from})`), room);
  const todo = health === 'ok' || advice === undefined ? [] : advice.split('\n');
  return [
    `${colors[color](mark)} ${pad(name, width)}${first}`,
    ...more.map((text) => `${indent}${text}`),
    ...todo
      .flatMap((text) => (text.startsWith('  ') ? [clean(text)] : wrap(clean(text), room - 2)))
      .map((text, index) => `${indent}${colors.dim(index === 0 ? '→' : ' ')} ${text}`),
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
