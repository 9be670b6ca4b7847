import { type World } from '../state/world';

const prefix = 'unserved/';

/** Stands for the actions that the API does not have, beyond the first ones, so that nonsense cannot make the list long. */
const otherActions = '(others)';
const mostUnknown = 100;

/** Counts a request for something that the simulator does not do: an action, or a parameter of one (`Action.Parameter`). */
export function countUnserved(world: World, name: string): void {
  world.count(`${prefix}${name}`);
}

/** Counts a request for an action that the API does not have, by its name. */
export function countUnknown(world: World, action: string): void {
  const counter = `counter/${prefix}${action}`;
  const known = world.settings.get(counter) !== undefined;
  const fits = /^[A-Za-z]\w{0,63}$/.test(action);
  if (known || (fits && world.count('unknown-actions') <= mostUnknown)) countUnserved(world, action);
  else countUnserved(world, otherActions);
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
