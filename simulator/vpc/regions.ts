/** A region that the simulated cloud has: its name for people, the code in its resources' IDs, and its zones. */
export interface Region {
  readonly name: string;
  readonly title: string;
  readonly code: string;
  readonly number: number;
  readonly zones: readonly string[];
}

const rows: readonly (readonly [name: string, title: string, code: string, number: number, zones: number])[] = [
  ['ap-guangzhou', 'Guangzhou', 'gz', 10, 7],
  ['ap-shanghai', 'Shanghai', 'sh', 20, 5],
  ['ap-hongkong', 'Hong Kong', 'hk', 30, 4],
  ['ap-nanjing', 'Nanjing', 'nj', 33, 4],
  ['ap-beijing', 'Beijing', 'bj', 80, 7],
  ['ap-singapore', 'Singapore', 'sg', 90, 4],
  ['ap-chengdu', 'Chengdu', 'cd', 16, 4],
  ['ap-chongqing', 'Chongqing', 'cq', 19, 4],
  ['ap-jakarta', 'Jakarta', 'jk', 72, 4],
  ['ap-seoul', 'Seoul', 'se', 18, 4],
  ['ap-tokyo', 'Tokyo', 'tk', 25, 4],
  ['ap-mumbai', 'Mumbai', 'mb', 21, 4],
  ['ap-bangkok', 'Bangkok', 'bk', 23, 4],
  ['na-ashburn', 'Virginia', 'ab', 22, 4],
  ['na-siliconvalley', 'Silicon Valley', 'sv', 15, 4],
  ['sa-saopaulo', 'Sao Paulo', 'sp', 74, 4],
  ['eu-frankfurt', 'Frankfurt', 'ff', 17, 4],
];

/** Every region, by name. */
export const regions: ReadonlyMap<string, Region> = new Map(
  rows.map(([name, title, code, number, count]) => [
    name,
    { name, title, code, number, zones: Array.from({ length: count }, (_, index) => `${name}-${index + 1}`) },
  ]),
);

/** Whether the name is that of a region of the simulated cloud. */
export function isRegion(name: string): boolean {
  return regions.has(name);
}

/** The region of that name, which the caller has checked. */
export function regionOf(name: string): Region {
  const region = regions.get(name);
  if (region === undefined) throw new Error(`no region ${name}`);
  return region;
}

const mainland: ReadonlySet<string> = new Set([
  'ap-guangzhou',
  'ap-shanghai',
  'ap-nanjing',
  'ap-beijing',
  'ap-chengdu',
  'ap-chongqing',
]);

/** Whether a region is in mainland China. */
export function isMainland(name: string): boolean {
  return mainland.has(name);
}
