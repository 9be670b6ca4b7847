import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { untilTrue } from '../../dev/until';

/** A program of the project as a process, with what it said. */
export class Program {
  private readonly child: ChildProcess;
  private said = '';
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  private over = false;

  /** @param script below `dist/`, such as `worker/main.js` */
  constructor(script: string, args: string[] = [], env: NodeJS.ProcessEnv = process.env) {
    const file = path.resolve(__dirname, '../..', script);
    this.child = spawn(process.execPath, [file, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.said += text));
    }
    // `close` and not `exit`: only then everything that it said is here.
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.over = true;
        resolve(code ?? signal ?? 1);
      });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  get output(): string {
    return this.said;
  }

  /** Waits until it has said this. */
  async says(what: string | RegExp, timeoutMs = 180_000): Promise<RegExpExecArray> {
    const pattern = typeof what === 'string' ? new RegExp(what.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : what;
    await untilTrue(() => this.over || pattern.test(this.said), timeoutMs);
    const found = pattern.exec(this.said);
    if (!found) throw new Error(`the program did not say ${String(what)}:\n${this.said}`);
    return found;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Makes sure that it is over, whatever the test came to. */
  async end(): Promise<void> {
    if (this.over) return;
    this.child.kill('SIGTERM');
    const killer = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
    await this.ended;
    clearTimeout(killer);
  }
}
