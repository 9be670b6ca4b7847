import { Client as CbsClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cbs/v20170312/cbs_client';
import { Client as CvmClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_client';
import { Client as StsClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/sts/v20180813/sts_client';
import { Client as TagClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/tag/v20180813/tag_client';
import {
  type ClientConfig,
  type Credential,
  type DynamicCredential,
} from 'tencentcloud-sdk-nodejs/tencentcloud/common/interface';
import { DefaultCredentialProvider, STSCredential } from 'tencentcloud-sdk-nodejs/tencentcloud/common/credential';
import type { ActivitySettings } from '../settings';

/** The services in use, each with the SDK's own typed client. */
export interface Services {
  cvm: CvmClient;
  cbs: CbsClient;
  tag: TagClient;
  sts: StsClient;
}
export type Service = keyof Services;

/** Asks for the credential at every request, and remembers its secrets so that they can be kept out of messages. */
class Credentials implements DynamicCredential {
  secrets: string[] = [];
  private provider: DynamicCredential | undefined;

  constructor(private readonly create: () => DynamicCredential) {}

  async getCredential(): Promise<Credential> {
    this.provider ??= this.create();
    try {
      const credential = await this.provider.getCredential();
      // The SDK's chain answers empty strings when every provider failed, and remembers that.
      if (!credential.secretId || !credential.secretKey) throw new Error('no credential was found');
      this.secrets = [credential.secretKey, credential.token].filter((secret) => secret !== undefined);
      return credential;
    } catch (error) {
      // A provider remembers its failed attempt for good; the next request is to try afresh.
      this.provider = undefined;
      throw error;
    }
  }
}

/** The SDK clients of one region and identity, made when first used. */
export class Clients {
  private readonly credentials: Credentials;
  private readonly made: Partial<Services> = {};

  /**
   * @param region the region that requests are for
   * @param roleArn role to assume, by the worker's own credentials
   */
  constructor(
    private readonly settings: Pick<ActivitySettings, 'endpoint' | 'requestTimeoutSeconds'>,
    private readonly region: string,
    roleArn?: string,
  ) {
    this.credentials = new Credentials(() =>
      roleArn === undefined
        ? new DefaultCredentialProvider()
        : new STSCredential(
            {
              credential: new Credentials(() => new DefaultCredentialProvider()),
              region,
              profile: this.profile('sts'),
            },
            { RoleArn: roleArn, RoleSessionName: 'cvm-image-builder' },
          ),
    );
  }

  /** What must never stand in a message. */
  get secrets(): readonly string[] {
    return this.credentials.secrets;
  }

  get<S extends Service>(service: S): Services[S] {
    const make: { [K in Service]: () => Services[K] } = {
      cvm: () => new CvmClient(this.config('cvm')),
      cbs: () => new CbsClient(this.config('cbs')),
      tag: () => new TagClient(this.config('tag')),
      sts: () => new StsClient(this.config('sts')),
    };
    return (this.made[service] ??= make[service]());
  }

  private config(service: Service): ClientConfig {
    return { credential: this.credentials, region: this.region, profile: this.profile(service) };
  }

  private profile(service: Service): NonNullable<ClientConfig['profile']> {
    const { endpoint, requestTimeoutSeconds } = this.settings;
    const url = endpoint === undefined ? undefined : new URL(endpoint.replace('{service}', service));
    return {
      language: 'en-US',
      httpProfile: {
        reqTimeout: requestTimeoutSeconds,
        ...(url ? { protocol: `${url.protocol}//`, endpoint: url.host + url.pathname.replace(/\/$/, '') } : {}),
      },
    };
  }
}
