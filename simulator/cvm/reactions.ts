import { type Reaction } from '../state/world';
import { bindKeysReactions } from './bind-keys';
import { createImageReactions } from './create-image';
import { imageReactions } from './images';
import { powerReactions } from './power';

/** What happens by itself in CVM. */
export const cvmReactions: Readonly<Record<string, Reaction>> = {
  ...powerReactions,
  ...imageReactions,
  ...createImageReactions,
  ...bindKeysReactions,
};
