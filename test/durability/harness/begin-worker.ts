/**
 * Begins the program that worker-program.ts makes: `node begin-worker.js PROGRAM JSON`. The first one keeps what V8 has compiled
 * beside the program, so that the others need not compile it: Node 20 has no cache of its own for that.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { promiseHooks } from 'node:v8';
import { Script } from 'node:vm';

// The SDK notes where each promise of a workflow was made, for those who ask for its stack trace. Without a thread for workflows that is
// done for every promise of the process. Node's own hook, which the contexts of activities need, is the one that listens to `before`.
const { createHook } = promiseHooks;
promiseHooks.createHook = (hooks) => (hooks.before ? createHook(hooks) : () => undefined);

const [, , program] = process.argv;
process.argv.splice(2, 1);

const script = new Script(Module.wrap(readFileSync(program!, 'utf8')), { filename: program!, ...cached(program!) });
const run = script.runInThisContext() as (...given: unknown[]) => void;
const itself = { exports: {} };
// What is no part of the program is looked for from where the SDK does so.
const inSdk = path.join(path.dirname(require.resolve('@temporalio/worker')), 'workflow', 'bundler.js');
run(itself.exports, createRequire(inSdk), itself, program, path.dirname(program!));
if (cached(program!).cachedData === undefined) keep(program!);

function cached(file: string): { cachedData?: Buffer } {
  try {
    return { cachedData: readFileSync(`${file}.cache`) };
  } catch {
    return {};
  }
}

/** Several may begin at the same time. */
function keep(file: string): void {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, script.createCachedData());
  renameSync(own, `${file}.cache`);
}
