import type { Client } from '@temporalio/client';
import { renderSharesTaken } from '../output/families';
import { printError } from '../output/print';
import type { SharedImage } from '../shared-images';

/** How long what is only said beforehand may be looked for, in milliseconds. */
const lookMs = 15_000;

/** Looks for what is only said beforehand; not for long. */
export const lookBriefly = <T>(client: Client, look: () => Promise<T>): Promise<T> =>
  client.withDeadline(Date.now() + lookMs, look);

/** Says beforehand which images are unshared for a change. Not to know it keeps nobody from the change. */
export async function saySharesTaken(client: Client, look: () => Promise<SharedImage[]>): Promise<void> {
  try {
    printError(...renderSharesTaken(await lookBriefly(client, look)));
  } catch (error) {
    printError(`Whether an image that is changed is shared cannot be told: ${(error as Error).message}`);
  }
}
