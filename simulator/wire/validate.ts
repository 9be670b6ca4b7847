import { ApiError } from './errors';
import { type Field, type ServiceName, services } from './schema';

/**
 * Checks the parameters of an action against its description and gives them back clean: nulls dropped, text of GET and V1
 * requests turned into numbers and booleans.
 */
export function validate(
  service: ServiceName,
  action: string,
  params: Readonly<Record<string, unknown>>,
  textual: boolean,
): Record<string, unknown> {
  const fields = services[service].actions[action]?.input ?? [];
  return readObject(service, fields, params, '', textual);
}

function readObject(
  service: ServiceName,
  fields: readonly Field[],
  given: Readonly<Record<string, unknown>>,
  path: string,
  textual: boolean,
): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  const known = new Map(fields.map((field) => [field.name, field]));
  for (const [name, value] of Object.entries(given)) {
    const field = known.get(name);
    if (field === undefined)
      throw new ApiError('UnknownParameter', `The parameter \`${path}${name}\` is not recognized.`);
    if (value === null || value === undefined) continue;
    clean[name] = readValue(service, field, value, `${path}${name}`, textual);
  }
  for (const field of fields) {
    if (field.required === true && clean[field.name] === undefined) {
      throw new ApiError('MissingParameter', `The request is missing a required parameter \`${path}${field.name}\`.`);
    }
  }
  return clean;
}

function readValue(service: ServiceName, field: Field, value: unknown, path: string, textual: boolean): unknown {
  if (field.type !== 'list') return readOne(service, field, value, path, textual);
  if (!Array.isArray(value)) throw wrongType(path, 'a list');
  const scalar = ['string', 'bool', 'float'].includes(field.member)
    ? field.member
    : /^u?int64$/.test(field.member)
      ? 'int'
      : 'object';
  return value.map((element: unknown, index) =>
    readOne(service, { ...field, type: scalar }, element, `${path}.${String(index)}`, textual),
  );
}

function readOne(service: ServiceName, field: Field, value: unknown, path: string, textual: boolean): unknown {
  switch (field.type) {
    case 'string':
      if (typeof value !== 'string') throw wrongType(path, 'a string');
      return value;
    case 'int':
    case 'float':
      return readNumber(field, value, path, textual);
    case 'bool': {
      if (typeof value === 'boolean') return value;
      const text = textual && typeof value === 'string' ? value.toLowerCase() : '';
      if (text !== 'true' && text !== 'false') throw wrongType(path, 'a boolean');
      return text === 'true';
    }
    default: {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(path, 'an object');
      const fields = services[service].objects[field.member] ?? [];
      return readObject(service, fields, value as Record<string, unknown>, `${path}.`, textual);
    }
  }
}

function readNumber(field: Field, value: unknown, path: string, textual: boolean): number {
  const number = textual && typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw wrongType(path, 'a number');
  if (field.type === 'int' && !Number.isInteger(number)) throw wrongType(path, 'an integer');
  if (field.member === 'uint64' && number < 0) {
    throw new ApiError('InvalidParameterValue', `The value of the parameter \`${path}\` must not be negative.`);
  }
  return number;
}

function wrongType(path: string, expected: string): ApiError {
  return new ApiError(
    'InvalidParameter',
    `The value type of the parameter \`${path}\` is not valid: it must be ${expected}.`,
  );
}
