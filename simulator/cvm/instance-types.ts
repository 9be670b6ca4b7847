/** An instance type that the simulated cloud sells. */
export interface InstanceType {
  readonly name: string;
  readonly family: string;
  readonly cpu: number;
  readonly memory: number;
}

const sizes: readonly (readonly [size: string, cpu: number, memory: number])[] = [
  ['SMALL1', 1, 1],
  ['SMALL2', 1, 2],
  ['SMALL4', 1, 4],
  ['MEDIUM2', 2, 2],
  ['MEDIUM4', 2, 4],
  ['MEDIUM8', 2, 8],
  ['LARGE8', 4, 8],
  ['LARGE16', 4, 16],
  ['2XLARGE16', 8, 16],
  ['2XLARGE32', 8, 32],
  ['4XLARGE32', 16, 32],
  ['4XLARGE64', 16, 64],
];
// The older ones are those that the examples of other people's tools ask for.
const families = [
  ...['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S8', 'SN3ne', 'SA1', 'SA2', 'SA3', 'SA5'],
  ...['C3', 'C4', 'C5', 'C6', 'M3', 'M4', 'M5', 'M6', 'IT5'],
];

/** Every instance type, by name. */
export const instanceTypes: ReadonlyMap<string, InstanceType> = new Map(
  families.flatMap((family) =>
    sizes.map(
      ([size, cpu, memory]) => [`${family}.${size}`, { name: `${family}.${size}`, family, cpu, memory }] as const,
    ),
  ),
);
