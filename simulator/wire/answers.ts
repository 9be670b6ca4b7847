import codes from '../data/error-codes.json';
import { type Field, type ServiceName, services } from './schema';

const listedCodes: Readonly<Record<string, readonly string[]>> = codes;
const commonCodes: ReadonlySet<string> = new Set(codes._common);

/** Whether the API's description lists the error code for the action, or for every action. */
export function isListedCode(action: string, code: string): boolean {
  return commonCodes.has(code) || listedCodes[action]?.includes(code) === true;
}

/**
 * What does not fit in an answer of an action (RequestId may be left out), one sentence each: fields that the description does not
 * have, values of another type or form, and top-level fields that are missing. Deeper down the API leaves out, or gives as
 * null, whatever has no value. An answer to a DryRun may have no fields at all. Empty when the answer is as described.
 */
export function misfits(service: ServiceName, action: string, answer: object): string[] {
  const { input = [], output = [] } = services[service].actions[action] ?? {};
  const found: string[] = [];
  checkObject(service, output, answer as Fields, action, found);
  const empty = Object.keys(answer).every((name) => name === 'RequestId');
  if (empty && input.some(({ name }) => name === 'DryRun')) return found;
  for (const { name, nullable } of output) {
    if (name === 'RequestId' || nullable === true) continue;
    if (((answer as Fields)[name] ?? null) === null) found.push(`${action}.${name} is missing`);
  }
  return found;
}

type Fields = Readonly<Record<string, unknown>>;

function checkObject(
  service: ServiceName,
  fields: readonly Field[],
  value: Fields,
  path: string,
  found: string[],
): void {
  for (const name of Object.keys(value)) {
    if (!fields.some((field) => field.name === name)) found.push(`${path}.${name} is not in the description`);
  }
  for (const field of fields) {
    const given = value[field.name];
    const where = `${path}.${field.name}`;
    if (given === undefined || given === null) continue;
    if (field.type !== 'list') checkOne(service, field, given, where, found);
    else if (!Array.isArray(given)) found.push(`${where} is not a list`);
    else given.forEach((one: unknown, index) => checkOne(service, field, one, `${where}.${String(index)}`, found));
  }
}

const formats: Readonly<Record<string, RegExp>> = {
  // The documentation's samples of dates have a time as well.
  date: /^\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?$/,
  datetime: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/,
  datetime_iso: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/,
};

function checkOne(service: ServiceName, field: Field, value: unknown, path: string, found: string[]): void {
  const { member } = field;
  const object = services[service].objects[member];
  if (object !== undefined) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) found.push(`${path} is not an object`);
    else checkObject(service, object, value as Fields, path, found);
    return;
  }
  const format = formats[member];
  const fits =
    member === 'bool'
      ? typeof value === 'boolean'
      : member === 'float'
        ? typeof value === 'number' && Number.isFinite(value)
        : /^u?int64$/.test(member)
          ? Number.isSafeInteger(value) && (member === 'int64' || (value as number) >= 0)
          : typeof value === 'string' && (format === undefined || value === '' || format.test(value));
  if (!fits) found.push(`${path} is ${JSON.stringify(value)}, which is no ${member}`);
}
