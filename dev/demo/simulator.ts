/** The simulator's control API, as far as the demo needs it. */
export class DemoSimulator {
  constructor(private readonly url: string) {}

  /** Back to what it contains at first. */
  async reset(): Promise<void> {
    await this.send('POST', 'reset');
  }

  /** What is on a disk; undefined when there is no such disk. */
  async content(diskId: string): Promise<string | undefined> {
    const response = await fetch(this.address(`disks/${diskId}/content`));
    return response.ok ? ((await response.json()) as { content: string }).content : undefined;
  }

  async write(diskId: string, content: string): Promise<void> {
    await this.send('PUT', `disks/${diskId}/content`, { content });
  }

  /** How many API calls it has had since a moment. */
  async callsSince(time: Date): Promise<number> {
    const response = await this.send('GET', `calls?since=${encodeURIComponent(time.toISOString())}`);
    return ((await response.json()) as { calls: unknown[] }).calls.length;
  }

  private async send(method: string, path: string, body?: object): Promise<Response> {
    const content = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await fetch(this.address(path), { method, ...content });
    if (!response.ok)
      throw new Error(`The simulator answers ${response.status} to ${method} ${path}: ${await response.text()}`);
    return response;
  }

  private readonly address = (path: string) => `${this.url}/_simulator/${path}`;
}
