import { type Row } from '../state/table';
import { type World } from '../state/world';
import { regions } from '../vpc/regions';

const kinds = ['instances', 'disks', 'snapshots', 'images'] as const;
/** What every region has from the start. */
const surroundings = ['snapshotGroups', 'keyPairs', 'vpcs', 'subnets', 'securityGroups'] as const;

/** All resources of the simulated cloud by region, as records (not as the API writes them). */
export function describeState(world: World, only: string | undefined): object {
  const shown = only === undefined ? [...regions.keys()] : [only];
  const byRegion: Record<string, object> = {};
  for (const region of shown) {
    const rowsOf = (kind: (typeof kinds)[number] | (typeof surroundings)[number]): readonly Row[] =>
      [...world.accounts.all()].flatMap((account): Row[] => [...world[kind].in(account.id, region)]);
    const rows = kinds.map((kind) => [kind, rowsOf(kind)] as const);
    if (only !== undefined || rows.some(([, found]) => found.length > 0)) {
      byRegion[region] = {
        ...Object.fromEntries(rows),
        ...Object.fromEntries(surroundings.map((kind) => [kind, rowsOf(kind)])),
        imageQuota: world.settings.get(`imageQuota/${region}`)?.value ?? 10,
      };
    }
  }
  return {
    speed: world.speed,
    durations: world.durations,
    switches: world.switches,
    accounts: [...world.accounts.all()].map((account) => ({
      uin: account.id,
      roles: account.roles.map((role) => role.name),
    })),
    regions: byRegion,
    happenings: [...world.happenings.all()],
  };
}
