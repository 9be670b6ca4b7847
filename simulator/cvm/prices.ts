import { type Action } from '../wire/action';
import { type InstanceType, instanceTypes } from './instance-types';
import { checkPriced, type LaunchRequest } from './launch-plan';

/** The simulated cloud's price list, CNY an hour. It is made up, only the shape and the proportions are those of a cloud. */
const hourly = { cpu: 0.1, memoryGiB: 0.04, diskGiB: 0.0006, mbps: 0.06, gigabyte: 0.8 };
const hoursPerMonth = 730;
const prepaidDiscount = 0.5;
const spotDiscount = 0.2;

const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;

/** An hourly price as the API writes it: by the hour, or (PREPAID) for so many months. `Discount` is per cent of the original. */
function itemPrice(perHour: number, chargeType: string, months = 1, unit: 'HOUR' | 'GB' = 'HOUR'): object {
  if (chargeType === 'PREPAID') {
    const original = perHour * hoursPerMonth * months;
    return {
      OriginalPrice: rounded(original),
      DiscountPrice: rounded(original * prepaidDiscount),
      Discount: prepaidDiscount * 100,
    };
  }
  const share = chargeType === 'SPOTPAID' ? spotDiscount : 1;
  return {
    UnitPrice: rounded(perHour),
    UnitPriceDiscount: rounded(perHour * share),
    ChargeUnit: unit,
    Discount: share * 100,
  };
}

const typePerHour = (type: InstanceType): number => type.cpu * hourly.cpu + type.memory * hourly.memoryGiB;

/** What an instance of the type costs, without its disks. */
export function typePrice(type: InstanceType, chargeType: string): object {
  return itemPrice(typePerHour(type), chargeType);
}

/** What a launch would cost: checked like one, as far as the price depends on it. */
const inquiryPriceRunInstances: Action = (call) => {
  const request = call.params as LaunchRequest;
  const { type, chargeType, count, disksGiB } = checkPriced(call, request);
  const months = request.InstanceChargePrepaid?.Period ?? 1;
  const perHour = (typePerHour(instanceTypes.get(type)!) + disksGiB * hourly.diskGiB) * count;
  const { InternetMaxBandwidthOut: mbps = 0, InternetChargeType: kind = 'TRAFFIC_POSTPAID_BY_HOUR' } =
    request.InternetAccessible ?? {};
  const byTraffic = kind === 'TRAFFIC_POSTPAID_BY_HOUR';
  const bandwidth = byTraffic ? (mbps > 0 ? hourly.gigabyte : 0) : mbps * hourly.mbps * count;
  return {
    Price: {
      InstancePrice: itemPrice(perHour, chargeType, months),
      BandwidthPrice: byTraffic
        ? itemPrice(bandwidth, 'POSTPAID_BY_HOUR', 1, 'GB')
        : itemPrice(bandwidth, kind === 'BANDWIDTH_PREPAID' ? 'PREPAID' : 'POSTPAID_BY_HOUR', months),
    },
  };
};

/** What the simulator serves of prices. */
export const priceActions: Readonly<Record<string, Action>> = { InquiryPriceRunInstances: inquiryPriceRunInstances };
