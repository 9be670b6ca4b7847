import type { Command } from 'commander';
import { bashCompletion } from '../completion/bash';
import { fishCompletion } from '../completion/fish';
import { completionTree } from '../completion/tree';
import { zshCompletion } from '../completion/zsh';
import { connect } from '../connect';
import { exitCodes, type ExitCode } from '../exit-codes';
import { print } from '../output/print';
import { clean } from '../output/text';
import { listBuildsAndReleases } from '../releases';

const scripts = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };
export type Shell = keyof typeof scripts;

/** Prints the completion script for a shell, made from the command's own verbs and flags. */
export function completion(shell: Shell, root: Command): ExitCode {
  process.stdout.write(scripts[shell](completionTree(root)));
  return exitCodes.done;
}

/** Nobody wants to wait for a completion. */
const patienceMs = 1000;

/** The builds and releases that a completion offers, each with what it is: the shells' scripts ask for them. Says nothing when in doubt. */
export async function completionBuilds(): Promise<ExitCode> {
  try {
    const { client, close } = await connect({ timeoutMs: patienceMs });
    try {
      const deadline = Date.now() + patienceMs;
      const found = await client.withDeadline(deadline, () => listBuildsAndReleases(client, { limit: 50 }));
      for (const one of found) {
        const { buildId, phase, imageName = 'image', instanceId } = one;
        const what = 'kind' in one ? `release of ${one.pipeline}` : `${imageName} of ${instanceId}`;
        print(`${buildId}\t${clean(`${what}, ${phase}`)}`);
      }
    } finally {
      await close();
    }
  } catch {
    return exitCodes.unreachable;
  }
  return exitCodes.done;
}
