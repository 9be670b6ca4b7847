import type { Disk, Snapshot } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cbs/v20170312/cbs_models';
import type { Image, Instance } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_models';
import type { ActivitySettings } from '../settings';
import { RequestBudget } from './budget';
import { Clients, type Service, type Services } from './clients';
import { CloudError, toCloudError } from './errors';
import { withoutDeleted } from './images';
import { Looker } from './looker';

export type { Disk, Image, Instance, Snapshot };

type Method = (request: never, ...rest: never[]) => Promise<unknown>;
/** The API actions of a service, from the SDK's own types. */
export type ActionOf<S extends Service> = {
  [A in keyof Services[S]]: Services[S][A] extends Method ? A : never;
}[keyof Services[S]] &
  string;
type MethodOf<S extends Service, A extends ActionOf<S>> = Services[S][A] extends Method ? Services[S][A] : never;
export type RequestOf<S extends Service, A extends ActionOf<S>> = Parameters<MethodOf<S, A>>[0];
export type ResponseOf<S extends Service, A extends ActionOf<S>> = Awaited<ReturnType<MethodOf<S, A>>>;

/** The changes in use that the API has a DryRun for; those of CBS and TAG, stopping, starting and terminating have none. */
export type DryRunAction = 'RunInstances' | 'CreateImage' | 'DeleteImages' | 'SyncImages';

const isLookUp = (action: string) => /^(Describe|Get)/.test(action);

/** The way to the cloud for one region and identity: every call of this project goes through {@link call}. */
export class Cloud {
  private readonly clients: Clients;
  private readonly budget: RequestBudget;
  private account: Promise<string> | undefined;

  /** Instances by ID. */
  readonly instances = new Looker<Instance>(
    async (ids) => (await this.call('cvm', 'DescribeInstances', { InstanceIds: ids, Limit: 100 })).InstanceSet ?? [],
    (instance) => instance.InstanceId,
  );
  /** Images by ID. */
  readonly images = new Looker<Image>(
    async (ids) => (await this.call('cvm', 'DescribeImages', { ImageIds: ids, Limit: 100 })).ImageSet ?? [],
    (image) => image.ImageId,
  );
  /** Snapshots by ID; one that is deleted is not there, whether it is described or not. */
  readonly snapshots = new Looker<Snapshot>(
    async (ids) =>
      withoutDeleted((await this.call('cbs', 'DescribeSnapshots', { SnapshotIds: ids, Limit: 100 })).SnapshotSet ?? []),
    (snapshot) => snapshot.SnapshotId,
  );

  /** Snapshots by the disk that they are of; the API's filter takes 10 disks. */
  private readonly ofDisk = new Looker<{ diskId: string; snapshots: Snapshot[] }>(
    async (ids) => {
      const all = await this.describeSnapshotsOf(ids);
      return ids.map((diskId) => ({ diskId, snapshots: all.filter(({ DiskId }) => DiskId === diskId) }));
    },
    ({ diskId }) => diskId,
    10,
  );
  /** Custom images by exact name; the API's filter takes 5 values, and is fuzzy: its answers are compared. */
  private readonly byName = new Looker<{ name: string; image: Image }>(
    async (names) => {
      const images = await this.describeImagesNamed(names);
      // Public images may bear any name; only those of the account compete for it.
      const own = images.filter(({ ImageType }) => ImageType === 'PRIVATE_IMAGE');
      return names.flatMap((name) => {
        const image = own.find(({ ImageName }) => ImageName === name);
        return image ? [{ name, image }] : [];
      });
    },
    ({ name }) => name,
    5,
  );
  /** Room for custom images: the one answer of its kind, shared by builds that begin at the same time. */
  private readonly imageRoom = new Looker<{ used: number; total: number }>(
    async () => [await this.describeImageRoom()],
    () => 'room',
  );

  constructor(
    settings: ActivitySettings,
    readonly region: string,
    roleArn?: string,
  ) {
    this.clients = new Clients(settings, region, roleArn);
    this.budget = new RequestBudget(settings.budgetShare);
  }

  /**
   * Calls an API action, within the request budget; for a change, {@link reserve} has been waited for already.
   *
   * @throws {CloudError} sorted, and free of secrets
   */
  async call<S extends Service, A extends ActionOf<S>>(
    service: S,
    action: A,
    request: RequestOf<S, A>,
  ): Promise<ResponseOf<S, A>> {
    if (isLookUp(action)) await this.budget.take(action);
    try {
      return (await this.clients.get(service).request(action, request)) as ResponseOf<S, A>;
    } catch (error) {
      throw toCloudError(action, error, this.clients.secrets);
    }
  }

  /**
   * Waits until one more call of an action that changes something fits into the budget. Apart from the call itself, so
   * that nothing is waited for between making sure of the lease and changing the cloud.
   */
  reserve(action: string): Promise<void> {
    return this.budget.take(action);
  }

  /**
   * Asks whether a change would be accepted, without making it. CVM answers such a request with a plain RequestId; the
   * API's common codes also have DryRunOperation for "it would have been done".
   *
   * @throws {CloudError} what the change itself would be refused with
   */
  async dryRun<A extends DryRunAction>(action: A, request: RequestOf<'cvm', A>): Promise<void> {
    await this.budget.take(action);
    try {
      await this.call('cvm', action, { ...request, DryRun: true });
    } catch (error) {
      if (!(error instanceof CloudError) || error.code !== 'DryRunOperation') throw error;
    }
  }

  /** The account (UIN) that the credentials belong to: STS GetCallerIdentity, asked once. */
  accountId(): Promise<string> {
    this.account ??= this.call('sts', 'GetCallerIdentity', null).then(
      ({ AccountId }) => {
        if (!AccountId)
          throw new CloudError('refused', 'GetCallerIdentity', 'NoAccount', 'the answer names no account');
        return AccountId;
      },
      (error: unknown) => {
        this.account = undefined;
        throw error;
      },
    );
    return this.account;
  }

  /** The only custom image of exactly this name. */
  async imageByName(name: string): Promise<Image | undefined> {
    return (await this.byName.look(name))?.image;
  }

  private async describeImagesNamed(names: string[]): Promise<Image[]> {
    const all: Image[] = [];
    for (let offset = 0; ; offset += 100) {
      const { ImageSet = [] } = await this.call('cvm', 'DescribeImages', {
        Filters: [{ Name: 'image-name', Values: names }],
        Offset: offset,
        Limit: 100,
      });
      all.push(...ImageSet);
      if (ImageSet.length < 100) return all;
    }
  }

  /** All snapshots of these disks. */
  async snapshotsOfDisks(diskIds: string[]): Promise<Snapshot[]> {
    const found = await Promise.all(diskIds.map((id) => this.ofDisk.look(id)));
    return found.flatMap((one) => one?.snapshots ?? []);
  }

  private async describeSnapshotsOf(diskIds: string[]): Promise<Snapshot[]> {
    const all: Snapshot[] = [];
    for (let offset = 0; ; offset += 100) {
      const { SnapshotSet = [] } = await this.call('cbs', 'DescribeSnapshots', {
        Filters: [{ Name: 'disk-id', Values: diskIds }],
        Offset: offset,
        Limit: 100,
      });
      all.push(...SnapshotSet);
      if (SnapshotSet.length < 100) return withoutDeleted(all);
    }
  }

  /** Custom images that the region has, CREATING ones included, and how many it may have (DescribeImageQuota: a total). */
  async roomForImages(): Promise<{ used: number; total: number }> {
    return (await this.imageRoom.look('room'))!;
  }

  private async describeImageRoom(): Promise<{ used: number; total: number }> {
    const Filters = [{ Name: 'image-type', Values: ['PRIVATE_IMAGE'] }];
    const [{ ImageNumQuota: total = 0 }, { TotalCount: used = 0 }] = await Promise.all([
      this.call('cvm', 'DescribeImageQuota', null),
      this.call('cvm', 'DescribeImages', { Filters, Limit: 1 }),
    ]);
    return { used, total };
  }

  /** All images that carry this tag. */
  async imagesByTag(key: string, value: string): Promise<Image[]> {
    const Filters = [{ Name: `tag:${key}`, Values: [value] }];
    return (await this.call('cvm', 'DescribeImages', { Filters, Limit: 100 })).ImageSet ?? [];
  }

  /** All instances that carry this tag. */
  async instancesByTag(key: string, value: string): Promise<Instance[]> {
    const Filters = [{ Name: `tag:${key}`, Values: [value] }];
    return (await this.call('cvm', 'DescribeInstances', { Filters, Limit: 100 })).InstanceSet ?? [];
  }

  /** All disks that carry this tag. */
  async disksByTag(key: string, value: string): Promise<Disk[]> {
    const Filters = [{ Name: `tag:${key}`, Values: [value] }];
    return (await this.call('cbs', 'DescribeDisks', { Filters, Limit: 100 })).DiskSet ?? [];
  }
}

/** The clouds of a worker: one a region and identity, shared by all its activities, so that they share their calls. */
export class Clouds {
  private readonly made = new Map<string, Cloud>();

  constructor(private readonly settings: ActivitySettings) {}

  get(region: string, roleArn?: string): Cloud {
    const key = `${region} ${roleArn ?? ''}`;
    let cloud = this.made.get(key);
    if (!cloud) this.made.set(key, (cloud = new Cloud(this.settings, region, roleArn)));
    return cloud;
  }
}
