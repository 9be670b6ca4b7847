import { type World } from '../state/world';
import { regions } from '../vpc/regions';

const kinds = ['instances', 'disks', 'snapshots', 'images'] as const;

/** All resources of the simulated cloud by region, as records (not as the API writes them). */
export function describeState(world: World, only: string | undefined): object {
  const shown = only === undefined ? [...regions.keys()] : [only];
  const byRegion: Record<string, object> = {};
  for (const region of shown) {
    const rows = kinds.map((kind) => {
      const found = [...world.accounts.all()].flatMap((account) => [...world[kind].in(account.id, region)]);
      return [kind, found] as const;
    });
    if (only !== undefined || rows.some(([, found]) => found.length > 0)) {
      byRegion[region] = {
        ...Object.fromEntries(rows),
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
