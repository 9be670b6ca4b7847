import { randomBytes } from 'node:crypto';
import { type World } from '../state/world';

/**
 * An address in 127.0.0.0/8 that no instance of this cloud has. It is random, and kept with the instance, so that two
 * simulators on one machine do not meet.
 */
export function newLoopback(world: World): string {
  const taken = new Set([...world.instances.all()].map((instance) => instance.loopback));
  for (;;) {
    const [a, b, c] = randomBytes(3) as unknown as [number, number, number];
    // 127.0.x.x is what programs use themselves.
    const address = `127.${1 + (a % 254)}.${b}.${1 + (c % 254)}`;
    if (!taken.has(address)) return address;
  }
}
