import { type Subnet } from '../state/records';
import { fraction } from '../state/random';
import { type World } from '../state/world';

/** A block of IPv4 addresses. */
export interface Block {
  readonly first: number;
  readonly bits: number;
  readonly size: number;
}

/** Reads `10.0.1.0/24`; undefined when it is malformed or names a host inside the block. */
export function parseCidr(text: string): Block | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (match === null) return undefined;
  const [a, b, c, d, bits] = match.slice(1).map(Number) as [number, number, number, number, number];
  if ([a, b, c, d].some((part) => part > 255) || bits > 32) return undefined;
  const first = ((a * 256 + b) * 256 + c) * 256 + d;
  const size = 2 ** (32 - bits);
  return first % size === 0 ? { first, bits, size } : undefined;
}

/** Whether the inner block lies wholly in the outer one. */
export function contains(outer: Block, inner: Block): boolean {
  return inner.first >= outer.first && inner.first + inner.size <= outer.first + outer.size;
}

/** Whether two blocks have addresses in common. */
export function overlap(one: Block, other: Block): boolean {
  return contains(one, other) || contains(other, one);
}

/** The network, the gateway and the broadcast address are nobody's. */
const reserved = 3;

/** Addresses of a subnet that instances can have. */
export function addressesOf(subnet: Subnet): number {
  return parseCidr(subnet.cidr)!.size - reserved;
}

function taken(world: World, subnet: Subnet): Set<string> {
  const addresses = new Set<string>();
  for (const instance of world.instances.in(subnet.account, subnet.region))
    if (instance.subnetId === subnet.id) addresses.add(instance.privateIp);
  return addresses;
}

function isTaken(world: World, subnet: Subnet, address: string): boolean {
  for (const instance of world.instances.in(subnet.account, subnet.region))
    if (instance.privateIp === address && instance.subnetId === subnet.id) return true;
  return false;
}

/** Addresses of a subnet that no instance has. */
export function freeAddresses(world: World, subnet: Subnet): number {
  return addressesOf(subnet) - taken(world, subnet).size;
}

/** A free address of the subnet, the same for the same ID if it can be; throws an Error when there is none. */
export function freeAddress(world: World, subnet: Subnet, id: string): string {
  const { first } = parseCidr(subnet.cidr)!;
  const count = addressesOf(subnet);
  const from = Math.floor(fraction('private', id) * count);
  for (let step = 0; step < count; step++) {
    const number = first + 2 + ((from + step) % count);
    const address = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
    // Looked for one at a time: a set of all of them would have to be made anew for every instance.
    if (!isTaken(world, subnet, address)) return address;
  }
  throw new Error(`the subnet ${subnet.id} has no free address`);
}
