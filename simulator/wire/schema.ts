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
  readonly deprecated?: boolean;
}

export interface ActionSchema {
  /** Absent = online. */
  readonly status?: string;
  readonly input: readonly Field[];
  readonly output: readonly Field[];
}

interface ServiceSchema {
  readonly version: string;
  readonly actions: Readonly<Record<string, ActionSchema>>;
  readonly objects: Readonly<Record<string, readonly Field[]>>;
}

export type ServiceName = keyof typeof schemas;

/** The descriptions of all actions of the services, those that the simulator does not serve among them. */
export const services = schemas as unknown as Readonly<Record<ServiceName, ServiceSchema>>;

/** The service that an action belongs to; no name occurs twice among these services. */
export const serviceOf: ReadonlyMap<string, ServiceName> = new Map(
  (Object.keys(schemas) as ServiceName[]).flatMap((service) =>
    Object.keys(services[service].actions).map((action) => [action, service] as const),
  ),
);
