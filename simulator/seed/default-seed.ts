import { type AccountSeed, type Seed } from './seed';

/** The development account. Its key is a known value: it opens nothing but a simulator. */
export const developmentAccount = '100000000001';
/** A second account, for sharing images. */
export const otherAccount = '100000000002';

/** The accounts of a cloud for which no others are given. */
export const defaultAccounts: readonly AccountSeed[] = [
  {
    uin: developmentAccount,
    keys: [{ secretId: 'AKIDsimulator', secretKey: 'simulator' }],
    roles: [{ name: 'ImageBuilder', trusts: [developmentAccount, otherAccount] }],
  },
  {
    uin: otherAccount,
    keys: [{ secretId: 'AKIDsimulator2', secretKey: 'simulator2' }],
    roles: [{ name: 'ImageBuilder' }],
  },
];

/** What a simulator contains when nothing else is said; `simulator/README.md` lists it. */
export function defaultSeed(): Seed {
  const region = 'ap-guangzhou';
  return {
    accounts: defaultAccounts,
    instances: [
      {
        region,
        id: 'ins-web00001',
        name: 'web-1',
        systemDisk: {
          id: 'disk-websys01',
          content: 'web-1 system: nginx 1.26, app 4.2\nlisten 8080 200 web-1: app 4.2',
        },
        dataDisks: [
          { id: 'disk-webdata1', size: 100, name: 'uploads', content: 'web-1 uploads: 1204 files' },
          { id: 'disk-webdata2', size: 50, name: 'cache', content: 'web-1 cache: warm' },
        ],
        tags: { team: 'web', environment: 'production' },
      },
      { region, id: 'ins-web00002', name: 'web-2', systemDisk: { id: 'disk-web2sys1' }, tags: { team: 'web' } },
      {
        region,
        id: 'ins-db000001',
        name: 'db-1',
        type: 'S5.LARGE16',
        bandwidth: 0,
        systemDisk: { id: 'disk-db0sys01' },
        dataDisks: [
          { id: 'disk-db0data1', size: 200 },
          { id: 'disk-db0data2', size: 200 },
          { id: 'disk-db0data3', size: 100, deleteWithInstance: false },
        ],
      },
      {
        region,
        id: 'ins-api00001',
        name: 'api-1',
        state: 'STOPPED',
        systemDisk: { id: 'disk-apisys01' },
        dataDisks: [{ id: 'disk-apidata1', size: 50 }],
      },
      {
        region,
        id: 'ins-bat00001',
        name: 'batch-1',
        state: 'STOPPED',
        stoppedMode: 'STOP_CHARGING',
        systemDisk: { id: 'disk-batsys01' },
      },
      {
        region,
        id: 'ins-win00001',
        name: 'office-1',
        os: 'windows',
        systemDisk: { id: 'disk-winsys01', size: 100 },
        dataDisks: [{ id: 'disk-windata1', size: 100 }],
      },
      {
        region,
        id: 'ins-lds00001',
        name: 'cache-1',
        type: 'IT5.4XLARGE64',
        systemDisk: { id: 'disk-ldssys01' },
        dataDisks: [{ id: 'disk-ldsdata1', type: 'LOCAL_SSD', size: 200 }],
      },
      { region, id: 'ins-lss00001', name: 'legacy-1', systemDisk: { id: 'disk-lsssys01', type: 'LOCAL_BASIC' } },
      { region, id: 'ins-enc00001', name: 'vault-1', systemDisk: { id: 'disk-encsys01', encrypted: true } },
      { region, id: 'ins-pre00001', name: 'mail-1', chargeType: 'PREPAID', systemDisk: { id: 'disk-presys01' } },
      {
        region: 'ap-singapore',
        id: 'ins-sgp00001',
        name: 'web-sg-1',
        systemDisk: { id: 'disk-sgpsys01' },
        dataDisks: [{ id: 'disk-sgpdata1', size: 50 }],
      },
      {
        region: 'ap-singapore',
        id: 'ins-sgw00001',
        name: 'office-sg-1',
        os: 'windows',
        state: 'STOPPED',
        systemDisk: { id: 'disk-sgwsys01', size: 100 },
      },
    ],
    images: [
      {
        region,
        id: 'img-shared01',
        name: 'base-of-the-other-account',
        account: otherAccount,
        sharedWith: [developmentAccount],
      },
    ],
  };
}
