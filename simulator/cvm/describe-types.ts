import { regionOf } from '../vpc/regions';
import { type Action } from '../wire/action';
import { ApiError } from '../wire/errors';
import { type Filter, type FilterKeys, matcher } from '../wire/filters';
import { type InstanceType, instanceTypes } from './instance-types';
import { typePrice } from './prices';

interface TypeRequest {
  readonly Filters?: readonly Filter[];
}

interface Offer {
  readonly zone: string;
  readonly type: InstanceType;
  readonly chargeType: string;
  readonly tags: Readonly<Record<string, string>>;
}

const offerKeys: FilterKeys<Offer> = {
  zone: (offer, value) => offer.zone === value,
  'instance-family': (offer, value) => offer.type.family === value,
  'instance-type': (offer, value) => offer.type.name === value,
};

function offers(region: string, chargeTypes: readonly string[]): Offer[] {
  return regionOf(region).zones.flatMap((zone) =>
    [...instanceTypes.values()].flatMap((type) =>
      chargeTypes.map((chargeType) => ({ zone, type, chargeType, tags: {} })),
    ),
  );
}

/** The instance types on sale, in every zone of the region. */
export const describeInstanceTypeConfigs: Action = (call) => {
  const { Filters = [] } = call.params as TypeRequest;
  const matches = matcher(Filters, offerKeys, { values: 1, code: 'InvalidFilterValue.LimitExceeded' });
  return {
    InstanceTypeConfigSet: offers(call.region, ['POSTPAID_BY_HOUR'])
      .filter(matches)
      .map(({ zone, type }) => ({
        Zone: zone,
        InstanceType: type.name,
        InstanceFamily: type.family,
        GPU: 0,
        CPU: type.cpu,
        Memory: type.memory,
        FPGA: 0,
        GpuCount: 0,
      })),
  };
};

const sortFields = {
  cpu: (offer: Offer): number => offer.type.cpu,
  mem: (offer: Offer): number => offer.type.memory,
} as const;

/** `cpu:desc`, `mem:asc`: the first key that differs decides. */
function compare(keys: readonly string[]): (left: Offer, right: Offer) => number {
  const sorts = keys.map((key) => {
    const [field = '', direction = 'asc'] = key.split(':');
    if (!Object.hasOwn(sortFields, field) || !['asc', 'desc'].includes(direction))
      throw new ApiError('InvalidFilter', `The sort key \`${key}\` is not supported.`);
    return [sortFields[field as keyof typeof sortFields], direction === 'desc' ? -1 : 1] as const;
  });
  return (left, right) => {
    for (const [value, sign] of sorts) if (value(left) !== value(right)) return sign * (value(left) - value(right));
    return 0;
  };
}

/** The instance types on sale with stock and price; everything is always in stock. */
export const describeZoneInstanceConfigInfos: Action = (call) => {
  const { Filters = [] } = call.params as TypeRequest;
  const keys: FilterKeys<Offer> = {
    ...offerKeys,
    'instance-charge-type': (offer, value) => offer.chargeType === value,
    'sort-keys': () => true,
  };
  const matches = matcher(Filters, keys, { values: 100, code: 'InvalidFilterValue.LimitExceeded' });
  const sortKeys = Filters.filter((filter) => filter.Name === 'sort-keys').flatMap((filter) => filter.Values);
  const rows = offers(call.region, ['POSTPAID_BY_HOUR', 'PREPAID', 'SPOTPAID']).filter(matches);
  return {
    InstanceTypeQuotaSet: rows.sort(compare(sortKeys)).map(({ zone, type, chargeType }) => ({
      Zone: zone,
      InstanceType: type.name,
      InstanceChargeType: chargeType,
      NetworkCard: 0,
      Externals: {},
      Cpu: type.cpu,
      Memory: type.memory,
      InstanceFamily: type.family,
      TypeName: type.family,
      LocalDiskTypeList: [],
      Status: 'SELL',
      Price: typePrice(type, chargeType),
      SoldOutReason: '',
      InstanceBandwidth: 1.5,
      InstancePps: 30,
      StorageBlockAmount: 0,
      CpuType: 'simulated',
      Gpu: 0,
      Fpga: 0,
      Remark: '',
      GpuCount: 0,
      Frequency: '2.5GHz',
      StatusCategory: 'EnoughStock',
    })),
  };
};
