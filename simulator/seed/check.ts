import { z } from 'zod';
import { instanceTypes } from '../cvm/instance-types';
import { checked } from '../problems';
import { regions } from '../vpc/regions';
import { type Seed } from './seed';

const region = z.string().refine((name) => regions.has(name), {
  error: ({ input }) => `unknown region "${String(input)}": use ${[...regions.keys()].join(', ')}`,
});
const id = (prefix: string, what: string) =>
  z.string().regex(new RegExp(`^${prefix}-[0-9a-z]{8}$`), {
    error: `must be ${what} ID (${prefix}- and 8 of 0-9a-z)`,
  });
const uin = z.string().regex(/^\d{1,20}$/, { error: "must be an account's number, as a string" });
const diskType = z.enum([
  'CLOUD_PREMIUM',
  'CLOUD_BASIC',
  'CLOUD_BSSD',
  'CLOUD_SSD',
  'CLOUD_HSSD',
  'CLOUD_TSSD',
  'LOCAL_BASIC',
  'LOCAL_SSD',
  'LOCAL_NVME',
  'LOCAL_PRO',
]);
const gib = z.int().min(1).max(32_000);
const tags = z.record(z.string().min(1).max(127), z.string().max(255));
const mostDataDisks = 20;

const account = z.strictObject({
  uin,
  keys: z.array(z.strictObject({ secretId: z.string().min(1).max(128), secretKey: z.string().min(1).max(128) })),
  roles: z.array(z.strictObject({ name: z.string().min(1).max(128), trusts: z.array(uin).optional() })).optional(),
});

const disk = z.strictObject({
  id: id('disk', 'a disk').optional(),
  type: diskType.optional(),
  size: gib.optional(),
  name: z.string().max(60).optional(),
  encrypted: z.boolean().optional(),
  deleteWithInstance: z.boolean().optional(),
  content: z.string().optional(),
});

const instance = z
  .strictObject({
    region,
    id: id('ins', 'an instance').optional(),
    account: uin.optional(),
    zone: z.string().optional(),
    name: z.string().max(128).optional(),
    os: z.enum(['linux', 'windows']).optional(),
    state: z.enum(['RUNNING', 'STOPPED']).optional(),
    stoppedMode: z.enum(['KEEP_CHARGING', 'STOP_CHARGING']).optional(),
    type: z
      .string()
      .refine((name) => instanceTypes.has(name), {
        error: ({ input }) =>
          `unknown instance type "${String(input)}"; there are ${[...instanceTypes.keys()].join(', ')}`,
      })
      .optional(),
    chargeType: z.enum(['POSTPAID_BY_HOUR', 'PREPAID', 'SPOTPAID']).optional(),
    bandwidth: z.int().min(0).max(1000).optional(),
    systemDisk: disk.optional(),
    dataDisks: z
      .union([z.int().min(0).max(mostDataDisks), z.array(disk).max(mostDataDisks)], {
        error: `must be how many (0 to ${mostDataDisks}), or a list of disks`,
      })
      .optional(),
    tags: tags.optional(),
  })
  .superRefine(({ region: where, zone }, context) => {
    const zones = regions.get(where)?.zones;
    if (zone !== undefined && zones?.includes(zone) === false) {
      context.addIssue({ code: 'custom', path: ['zone'], message: `the zone "${zone}" is not in ${where}` });
    }
  });

const image = z.strictObject({
  region,
  name: z.string().min(1).max(60),
  id: id('img', 'an image').optional(),
  account: uin.optional(),
  os: z.enum(['linux', 'windows']).optional(),
  state: z.enum(['NORMAL', 'CREATEFAILED']).optional(),
  size: gib.optional(),
  dataDisks: z.array(gib).max(mostDataDisks).optional(),
  content: z.string().optional(),
  family: z.string().max(60).optional(),
  sharedWith: z.array(uin).optional(),
  tags: tags.optional(),
});

const quota = z.record(region, z.int().min(0));

const seedSchema = z.strictObject({
  accounts: z.array(account).optional(),
  instances: z.array(instance).optional(),
  images: z.array(image).optional(),
  imageQuota: quota.optional(),
  snapshotQuota: quota.optional(),
  instanceQuota: quota.optional(),
});

/** Checks the form of a seed; throws an Error with a line for each field that is wrong. */
export function checkSeed(given: unknown): Seed {
  return checked(seedSchema, given, 'the seed') as Seed;
}
