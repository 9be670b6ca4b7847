import { regionOf } from '../vpc/regions';
import { type World } from '../state/world';
import { type Action } from '../wire/action';
import { type Filter, type FilterKeys, matcher } from '../wire/filters';
import { imageQuota } from './images';

/** Instances of one charge type that an account may have in a zone. */
export function instanceQuota(world: World, region: string): number {
  return world.settings.get(`instanceQuota/${region}`)?.value ?? 1000;
}

/** Instances of the charge type that the account has in the zone, those that are being made or destroyed included. */
export function instancesUsed(world: World, account: string, region: string, zone: string, chargeType: string): number {
  let used = 0;
  for (const instance of world.instances.in(account, region))
    if (instance.zone === zone && instance.chargeType === chargeType) used++;
  return used;
}

/** The total, not what is left. */
export const describeImageQuota: Action = (call) => ({ ImageNumQuota: imageQuota(call.world, call.region) });

interface QuotaRow {
  readonly zone: string;
  readonly tags: Readonly<Record<string, string>>;
}

const quotaSets: readonly (readonly [set: string, chargeType: string, more: (left: number) => object])[] = [
  ['PostPaidQuotaSet', 'POSTPAID_BY_HOUR', () => ({})],
  ['PrePaidQuotaSet', 'PREPAID', (left) => ({ OnceQuota: Math.min(left, mostPerLaunch) })],
  ['SpotPaidQuotaSet', 'SPOTPAID', () => ({})],
];
const mostPerLaunch = 500;
const zoneKeys: FilterKeys<QuotaRow> = {
  zone: (row, value) => row.zone === value,
  'quota-type': () => true,
};

/** Totals and what is used of them. */
export const describeAccountQuota: Action = (call) => {
  const { world, account, region } = call;
  const { Filters = [] } = call.params as { Filters?: readonly Filter[] };
  const matches = matcher(Filters, zoneKeys, { values: 100, code: 'InvalidParameterValue' });
  const types = Filters.filter((filter) => filter.Name === 'quota-type').flatMap((filter) => filter.Values);
  const wanted = (set: string): boolean => types.length === 0 || types.includes(set);
  const zones = regionOf(region).zones.filter((zone) => matches({ zone, tags: {} }));
  const total = instanceQuota(world, region);
  const perZone = quotaSets.map(([set, chargeType, more]) => {
    const rows = zones.map((zone) => {
      const used = instancesUsed(world, account, region, zone, chargeType);
      const left = Math.max(0, total - used);
      return { UsedQuota: used, RemainingQuota: left, TotalQuota: total, Zone: zone, ...more(left) };
    });
    return [set, wanted(set) ? rows : []] as const;
  });
  const images = { UsedQuota: world.images.countIn(account, region), TotalQuota: imageQuota(world, region) };
  return {
    AppId: world.accounts.must(account).appId,
    AccountQuotaOverview: {
      Region: region,
      AccountQuota: {
        ...Object.fromEntries(perZone),
        ImageQuotaSet: wanted('ImageQuotaSet') ? [images] : [],
        DisasterRecoverGroupQuotaSet: [],
      },
    },
  };
};
