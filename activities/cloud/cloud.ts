import type { Disk, Snapshot } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cbs/v20170312/cbs_models';
import type { Image, Instance } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_models';
import type { ActivitySettings } from '../settings';
import { RequestBudget } from './budget';
import { Clients, type Service, type Services } from './clients';
import { CloudError, toCloudError } from './errors';
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
export type DryRunAction = 'RunInstances' | 'CreateImage' | 'DeleteImages';

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
  /** Snapshots by ID. */
  readonly snapshots = new Looker<Snapshot>(
    async (ids) => (await this.call('cbs', 'DescribeSnapshots', { SnapshotIds: ids, Limit: 100 })).SnapshotSet ?? [],
    (snapshot) => snapshot.SnapshotId,
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

  /** The only image of exactly this name. The API's filter is fuzzy, so its answers are compared. */
  async imageByName(name: string): Promise<Image | undefined> {
    for (let offset = 0; ; offset += 100) {
      const { ImageSet = [] } = await this.call('cvm', 'DescribeImages', {
        Filters: [{ Name: 'image-name', Values: [name] }],
        Offset: offset,
        Limit: 100,
      });
      // Public images may bear any name; only those of the account compete for it.
      const found = ImageSet.find((image) => image.ImageName === name && image.ImageType === 'PRIVATE_IMAGE');
      if (found || ImageSet.length < 100) return found;
    }
  }

  /** All snapshots of these disks (the filter takes 10 at a time). */
  async snapshotsOfDisks(diskIds: string[]): Promise<Snapshot[]> {
    const all: Snapshot[] = [];
    for (let start = 0; start < diskIds.length; start += 10) {
      const Values = diskIds.slice(start, start + 10);
      for (let offset = 0; ; offset += 100) {
        const { SnapshotSet = [] } = await this.call('cbs', 'DescribeSnapshots', {
          Filters: [{ Name: 'disk-id', Values }],
          Offset: offset,
          Limit: 100,
        });
        all.push(...SnapshotSet);
        if (SnapshotSet.length < 100) break;
      }
    }
    return all;
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
