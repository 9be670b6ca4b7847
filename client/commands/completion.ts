import type { Command } from 'commander';
import { bashCompletion } from '../completion/bash';
import { fishCompletion } from '../completion/fish';
import { completionTree } from '../completion/tree';
import { zshCompletion } from '../completion/zsh';
import { connect } from '../connect';
import { exitCodes, type ExitCode } from '../exit-codes';
import { listBuilds } from '../list-builds';
import { print } from '../output/print';
import { clean } from '../output/text';

const scripts = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };
export type Shell = keyof typeof scripts;

/** Prints the completion script for a shell, made from the command's own verbs and flags. */
export function completion(shell: Shell, root: Command): ExitCode {
  process.stdout.write(scripts[shell](completionTree(root)));
  return exitCodes.done;
}

/** Nobody wants to wait for a completion. */
const patienceMs = 1000;

/** The builds that a completion offers, each with what it is: the shells' scripts ask for them. Says nothing when in doubt. */
export async function completionBuilds(): Promise<ExitCode> {
  try {
    const { client, close } = await connect({ timeoutMs: patienceMs });
    try {
      const builds = await client.withDeadline(Date.now() + patienceMs, () => listBuilds(client, { limit: 50 }));
      for (const { buildId, phase, imageName = 'image', instanceId } of builds) {
        print(`${buildId}\t${clean(`${imageName} of ${instanceId}, ${phase}`)}`);
      }
    } finally {
      await close();
    }
  } catch {
    return exitCodes.unreachable;
  }
  return exitCodes.done;
}
