import type { UiPlace } from '../web-ui';
import type { Connected } from '../connect';

/** Flags that every verb that talks to Temporal has. */
export interface CommonOptions {
  json?: boolean;
  uiUrl?: string;
  address?: string;
  namespace?: string;
}

/** Where the Web UI is, as far as flags and connection say. */
export const uiPlace = ({ address, namespace }: Connected, { uiUrl }: CommonOptions): UiPlace => ({
  address,
  namespace,
  uiUrl,
});

/** What a flag says as a file would: digits are a number (of seconds, where it is a time), the rest is text such as 90s. */
export const numberOrText = <T extends string | undefined>(text: T) =>
  text !== undefined && /^\d+$/.test(text) ? Number(text) : text;

/** Flags of the verbs about images, which a worker answers. */
export interface ImageOptions extends CommonOptions {
  region: string;
  roleArn?: string;
  taskQueue?: string;
}
