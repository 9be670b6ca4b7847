import { examine, type DoctorCheck } from '../doctor';
import { checkLines, together } from '../output/doctor';
import { print, printJson } from '../output/print';
import { colorsFor, columnsFor } from '../output/text';
import type { CommonOptions } from './options';

interface DoctorFlags extends CommonOptions {
  region?: string;
  taskQueue?: string;
  fix?: boolean;
}

/** Looks at everything that a build needs, and says what to do about what is not as it should be. */
export async function doctor({ json, ...options }: DoctorFlags, version: string): Promise<number> {
  const colors = colorsFor(process.stdout);
  const columns = columnsFor(process.stdout);
  const found: DoctorCheck[] = [];
  const permissions: DoctorCheck[] = [];
  const checks = examine({ ...options, version });
  let next = await checks.next();
  for (; next.done !== true; next = await checks.next()) {
    const check = next.value;
    found.push(check);
    if (json === true) continue;
    if (check.kind === 'permission') permissions.push(check);
    else print(...checkLines(check, colors, columns));
  }
  const exitCode = next.value;
  if (json === true) {
    printJson({ type: 'doctor', exitCode, checks: found });
    return exitCode;
  }
  print(...together(permissions).flatMap((check) => checkLines(check, colors, columns)), '', verdict(found));
  return exitCode;
}

function verdict(checks: DoctorCheck[]): string {
  const count = (health: DoctorCheck['health']) => checks.filter((check) => check.health === health).length;
  const wrong = count('wrong');
  const unknown = count('unknown');
  const rest = unknown === 0 ? '' : `; ${unknown} cannot be told`;
  if (wrong === 0) return `All is well${rest}.`;
  const looked = checks.some(({ name }) => name === 'credentials') ? '' : ' What comes after it was not looked at.';
  return `${wrong === 1 ? 'One thing is' : `${wrong} things are`} wrong${rest}.${looked}`;
}
