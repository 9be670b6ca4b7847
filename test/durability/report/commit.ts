import { spawnSync } from 'node:child_process';

/** The commit that is played, in short, with a mark when something is not committed; `unknown` outside a Git clone. */
export function commitNow(): string {
  const git = (...given: string[]) => spawnSync('git', given, { encoding: 'utf8' });
  const { status, stdout } = git('rev-parse', '--short', 'HEAD');
  if (status !== 0) return 'unknown';
  return git('diff', '--quiet', 'HEAD').status === 0 ? stdout.trim() : `${stdout.trim()} and changes`;
}
