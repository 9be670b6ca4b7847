import { type World } from '../state/world';

const prefix = 'unserved/';

/** Stands for all actions that the API does not have, so that nonsense cannot make the list long. */
export const unknownAction = '(unknown)';

/** Counts a request for something that the simulator does not do: an action, or a parameter of one (`Action.Parameter`). */
export function countUnserved(world: World, name: string): void {
  world.count(`${prefix}${name}`);
}

/** How often each action was asked for that is not served, and each parameter that was ignored; since the last reset. */
export function unserved(world: World): { actions: Record<string, number>; ignoredParameters: Record<string, number> } {
  const counts = [...world.settings.all()].flatMap(({ id, value }) => {
    const name = id.startsWith(`counter/${prefix}`) ? id.slice(`counter/${prefix}`.length) : undefined;
    return name === undefined ? [] : [[name, value] as const];
  });
  return {
    actions: Object.fromEntries(counts.filter(([name]) => !name.includes('.'))),
    ignoredParameters: Object.fromEntries(counts.filter(([name]) => name.includes('.'))),
  };
}
