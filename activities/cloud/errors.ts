/**
 * What a failed call means for the build, sorted once, here.
 *
 * - `throttled`: over the request rate; not applied, try again after a pause
 * - `transient`: network, 5xx, InternalError; a change may or may not have been applied
 * - `busy`: another operation is in progress; not applied, try again
 * - `exhausted`: a quota is full
 * - `blocked`: a person can mend it: credentials, permissions, balance, stock
 * - `refused`: validation, not found, conflicts: the same call will never succeed
 */
export type FailureKind = 'throttled' | 'transient' | 'busy' | 'exhausted' | 'blocked' | 'refused';

/** A call that failed, as every activity sees it. */
export class CloudError extends Error {
  override readonly name = 'CloudError';

  constructor(
    readonly kind: FailureKind,
    /** API action that failed, such as CreateImage. */
    readonly action: string,
    /** The cloud's own code; `NetworkError` or `HttpStatus502` when there was no answer to read. */
    readonly code: string,
    message: string,
    readonly requestId?: string,
  ) {
    super(message);
  }

  /** What to do about it, where that is known. */
  get advice(): string | undefined {
    return adviceFor.find(([pattern]) => pattern.test(this.code))?.[1];
  }

  /** What to do about it, for the many codes of which no more is known than that the cloud will not have it. */
  get lastAdvice(): string {
    return `See what the API's documentation of ${this.action} says about ${this.code}; Tencent Cloud support finds the call by its RequestId.`;
  }
}

/** The first pattern that fits the code decides; a code that fits none is `refused`. */
const kinds: [RegExp, FailureKind][] = [
  [/^RequestLimitExceeded/, 'throttled'],
  [/^InternalError\.(IllegalRole|GetRoleError)|NoAvailableIpAddressCountInSubnet/, 'blocked'],
  [/^FailedOperation\.(ResourceTagProcessing|InquiryPriceFailed)/, 'busy'],
  [/^UnsupportedOperation\.InstanceState(Starting|Stopping|Rebooting|Enter|Exit|ServiceLiveMigrate)/, 'busy'],
  [/^(InternalError|InternalServerError|ServiceUnavailable|ServerError)/, 'transient'],
  [
    /^(OperationDenied\.InstanceOperationInProgress|MutexOperation|ResourceBusy|ResourceInUse(\.Disk\w+|\.CopySnapshotConflict)?$|InvalidDisk\.(Busy|SnapshotCreating)|TradeDealConflict|ResourceUnavailable\.(SnapshotCreating|TooManyCreatingSnapshot|DiskBackupCreating))/,
    'busy',
  ],
  [/^LimitExceeded|QuotaLimitExceeded|InsufficientSnapshotQuota|OverQuota/, 'exhausted'],
  [
    /^AuthFailure|^Unauthorized|InsufficientBalance|UnpaidOrder|SoldOut|^ResourceInsufficient|InsufficientOffering/,
    'blocked',
  ],
  [/^InvalidAccount(?!Id)|^AccountQualificationRestrictions|^IpInBlacklist|^IpNotInWhitelist/, 'blocked'],
];

const adviceFor: [RegExp, string][] = [
  [
    /^AuthFailure\.(SecretIdNotFound|InvalidSecretId)/,
    "Look at the worker's TENCENTCLOUD_SECRET_ID: the key is unknown, deleted, disabled, or of the other site.",
  ],
  [/^AuthFailure\.SignatureFailure/, "Look at the worker's TENCENTCLOUD_SECRET_KEY: it does not fit the secret ID."],
  [/^AuthFailure\.SignatureExpire/, "Set the clock of the worker's machine: it is more than 5 minutes off."],
  [
    /^AuthFailure\.TokenFailure/,
    'Renew the session token (TENCENTCLOUD_SESSION_TOKEN) or let the worker assume its role again.',
  ],
  [/^AuthFailure\.AssumeRole/, "Check the spec's roleArn, and that the role trusts the worker's identity."],
  [
    /^AuthFailure\.NoCredentials/,
    'Give the worker credentials: TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, a profile, or a role.',
  ],
  [/^(AuthFailure\.Unauthorized|Unauthorized)/, "Grant the worker's CAM identity this action on this resource."],
  [
    /TagKey|TagValue|ReservedTagKey|ResourceAttachedTags/,
    "Look at the tags that the spec asks for, and at those that the account's tag policies allow or demand.",
  ],
  [/InsufficientBalance|UnpaidOrder/, 'Top up the account or settle its open orders.'],
  [/SoldOut|InsufficientOffering|^ResourceInsufficient/, 'Choose another zone or instance type, or wait for stock.'],
  [/^ImageQuotaLimitExceeded/, 'Delete custom images that are no longer needed, or have the quota raised.'],
  [/SnapshotQuota|OverQuota/, 'Delete snapshots that are no longer needed, or have the quota raised.'],
  [/^InvalidImageName\.Duplicate/, 'Choose another image name, or put {date} and {time} into it.'],
  [/^UnsupportedRegion/, 'Choose a region that exists, such as ap-guangzhou.'],
  [
    /SnapshotNotFound|InvalidSnapshotId\.NotFound|InvalidImageId\.NotFound|InvalidDisk\w*\.NotFound/,
    'Somebody else deleted it: find out who, and build again.',
  ],
  [/InvalidInstanceId\.NotFound/, 'Check the instance ID, the region and the account.'],
  [/InstanceTypeNotFound|InvalidInstanceType/, 'Choose an instance type that the zone offers.'],
  [/^InvalidZone|ZoneNotSupported|SubnetIdZoneId/, 'Choose a zone of the region, and a subnet of that zone.'],
];

/** Sorts an error code of the API. */
export function kindOf(code: string): FailureKind {
  return kinds.find(([pattern]) => pattern.test(code))?.[1] ?? 'refused';
}

/** Whether a code says that the key is refused, whatever it is used for: not that this one call is not allowed to it. */
export const isKeyRefused = (code: string): boolean => /^AuthFailure(?!\.Unauthorized)/.test(code);

/** Turns whatever the SDK threw into a {@link CloudError}, without anything secret in it. */
export function toCloudError(action: string, error: unknown, secrets: readonly string[]): CloudError {
  const { code, message, requestId, httpCode } = (error ?? {}) as {
    code?: unknown;
    message?: unknown;
    requestId?: unknown;
    httpCode?: unknown;
  };
  const text = redact(typeof message === 'string' ? message : String(error), secrets);
  const id = typeof requestId === 'string' && requestId !== '' ? requestId : undefined;
  // API errors carry a code with a capital; node's own (ECONNRESET) are in capitals throughout.
  if (typeof code === 'string' && /^[A-Z][a-z]/.test(code)) return new CloudError(kindOf(code), action, code, text, id);
  // The SDK's AssumeRole keeps the words and loses the code; what the network did to it is no refusal.
  if (text.startsWith('Get STS AssumeRole') && !/reason: |ECONN|ETIMEDOUT|timeout|socket|\b50\d\b/i.test(text)) {
    return new CloudError('blocked', action, 'AuthFailure.AssumeRole', text, id);
  }
  if (/credential|secretId|secret_id/i.test(text) && httpCode === undefined) {
    return new CloudError('blocked', action, 'AuthFailure.NoCredentials', text, id);
  }
  const reason = typeof httpCode === 'number' ? `HttpStatus${httpCode}` : 'NetworkError';
  return new CloudError('transient', action, reason, text || 'no answer', id);
}

function redact(text: string, secrets: readonly string[]): string {
  return secrets.filter((secret) => secret.length > 3).reduce((clean, secret) => clean.replaceAll(secret, '***'), text);
}
