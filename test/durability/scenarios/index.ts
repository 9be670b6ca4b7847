import type { Scenario } from '../harness/scenario';
import { badLuck } from './bad-luck';
import { foundStopped } from './found-stopped';
import { killed } from './kills';
import { lostAnswers } from './lost-answers';
import { newCodeScenarios } from './new-code';
import { peopleScenarios } from './people';
import { resetsInUndo } from './reset-in-undo';
import { sweeps } from './sweeps';
import { twiceOver } from './twice';
import { undisturbed } from './undisturbed';
import { killedInUndo, lateInUndo, lostInUndo, otherDeathsInUndo } from './undo-calls';

/** The matrix. */
export const scenarios: Scenario[] = [
  ...undisturbed,
  ...foundStopped,
  ...twiceOver,
  ...lostAnswers,
  ...lostInUndo,
  ...lateInUndo,
  ...killed,
  ...killedInUndo,
  ...otherDeathsInUndo,
  ...badLuck,
  ...peopleScenarios,
  ...resetsInUndo,
  ...sweeps,
  ...newCodeScenarios,
];
