import { createServer, type Server } from 'node:http';
import { type Instance } from '../state/records';
import { type World } from '../state/world';
import { type GuestService, servicesIn } from './content';

/**
 * Lets launched instances really listen on their addresses while they are RUNNING and have booted. What they serve is what
 * their system disks say; what says nothing refuses connections, as on a server whose software did not start.
 */
export class Guests {
  private readonly listening = new Map<string, Server[]>();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly world: World) {
    world.watch((changed) => {
      for (const id of changed.get('instances')?.keys() ?? []) this.look(id);
      this.wakeInTime();
    });
    for (const instance of world.instances.all()) this.look(instance.id);
    this.wakeInTime();
  }

  /** Stops all of them. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await Promise.all([...this.listening.keys()].map((id) => this.silence(id)));
  }

  private look(id: string): void {
    if (this.closed) return;
    const instance = this.world.instances.get(id);
    const up = instance?.loopback != null && instance.state === 'RUNNING' && instance.booted;
    if (up && !this.listening.has(id)) this.speak(instance);
    else if (!up && this.listening.has(id)) void this.silence(id);
  }

  private speak(instance: Instance): void {
    const content = this.world.disks.get(instance.systemDiskId)?.content ?? '';
    this.listening.set(
      instance.id,
      servicesIn(content).map((service) => serve(instance, service)),
    );
  }

  private async silence(id: string): Promise<void> {
    const servers = this.listening.get(id) ?? [];
    this.listening.delete(id);
    await Promise.all(
      servers.map(async (server) => {
        if (!server.listening) return;
        const closed = new Promise((resolve) => server.close(resolve));
        server.closeAllConnections();
        await closed;
      }),
    );
  }

  /** Without guests, nothing happens until somebody asks. With them, things have to happen when it is time. */
  private wakeInTime(least = 1): void {
    clearTimeout(this.timer);
    const { next } = this.world;
    if (this.closed || next === null || this.world.isStopped) return;
    this.timer = setTimeout(
      () => {
        this.world.settle();
        let pause = 1;
        try {
          this.world.commit();
        } catch {
          // The journal has said why; it has not happened yet.
          pause = 1000;
        }
        this.wakeInTime(pause);
      },
      Math.min(Math.max(least, next - this.world.now()), longestTimer),
    );
    this.timer.unref();
  }
}

const longestTimer = 2 ** 31 - 1;

function serve(instance: Instance, { port, status, text }: GuestService): Server {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
  });
  server.on('error', (error) => {
    process.stderr.write(
      `simulator: ${instance.id} cannot listen on ${instance.loopback!}:${port}: ${error.message}\n`,
    );
  });
  server.listen(port, instance.loopback!);
  return server;
}
