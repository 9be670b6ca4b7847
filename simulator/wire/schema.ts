import schemas from '../data/schemas.json';

/** One field of a request, an answer or an object, as the API's own description has it. */
export interface Field {
  readonly name: string;
  /** string | int | float | bool | list | object */
  readonly type: string;
  /** The element or object type, or the finer scalar type (`uint64`, `datetime_iso`…). */
  readonly member: string;
  readonly required?: boolean;
  readonly nullable?: boolean;
}

export interface ActionSchema {
  readonly input: readonly Field[];
  readonly output: readonly Field[];
}

interface ServiceSchema {
  readonly version: string;
  readonly actions: Readonly<Record<string, ActionSchema>>;
  readonly objects: Readonly<Record<string, readonly Field[]>>;
  /** Actions that the cloud has and the simulator has not. */
  readonly others: readonly string[];
}

export type ServiceName = keyof typeof schemas;

/** The descriptions of the supported actions, by service. */
export const services = schemas as unknown as Readonly<Record<ServiceName, ServiceSchema>>;

/** The service that an action belongs to; no name occurs twice among those served here. */
export const serviceOf: ReadonlyMap<string, ServiceName> = new Map(
  (Object.keys(schemas) as ServiceName[]).flatMap((service) =>
    [...Object.keys(services[service].actions), ...services[service].others].map(
      (action) => [action, service] as const,
    ),
  ),
);
