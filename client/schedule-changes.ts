import type { PipelineSchedule } from './schedules';

/** One field that is another than it was. */
export interface Change {
  /** Such as `schedule.cron[0]`, `test.settle`; `elsewhere[0]`: what no file asks for. */
  path: string;
  before?: string | number | boolean | null | undefined;
  after?: string | number | boolean | null | undefined;
}

/** What is different between a schedule as Temporal has it and as it is wanted, field by field. */
export function changesBetween(before: PipelineSchedule | undefined, after: PipelineSchedule): Change[] {
  const [old, now] = [flat(before), flat(after)];
  const paths = [...new Set([...old.keys(), ...now.keys()])];
  return paths
    .filter((path) => old.get(path) !== now.get(path))
    .map((path) => ({
      path,
      ...(old.has(path) ? { before: old.get(path) } : {}),
      ...(now.has(path) ? { after: now.get(path) } : {}),
    }));
}

function flat(one: PipelineSchedule | undefined): Map<string, Change['before']> {
  const leaves = new Map<string, Change['before']>();
  const walk = (value: unknown, path: string) => {
    if (value === undefined) return;
    if (Array.isArray(value) && value.length > 0) value.forEach((item, index) => walk(item, `${path}[${index}]`));
    else if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
      for (const [key, inner] of Object.entries(value)) walk(inner, path === '' ? key : `${path}.${key}`);
    } else leaves.set(path, typeof value === 'object' ? JSON.stringify(value) : (value as Change['before']));
  };
  if (one) {
    const { pipeline, schedule, taskQueue, elsewhere } = one;
    walk({ ...pipeline, schedule, taskQueue, elsewhere }, '');
  }
  return leaves;
}
