import type { Scenario } from '../harness/scenario';
import { badLuck } from './bad-luck';
import { killed } from './kills';
import { lostAnswers } from './lost-answers';
import { newCodeScenarios } from './new-code';
import { peopleScenarios } from './people';
import { twiceOver } from './twice';
import { undisturbed } from './undisturbed';
import { killedInUndo, lostInUndo } from './undo-calls';

/** The matrix. */
export const scenarios: Scenario[] = [
  ...undisturbed,
  ...twiceOver,
  ...lostAnswers,
  ...lostInUndo,
  ...killed,
  ...killedInUndo,
  ...badLuck,
  ...peopleScenarios,
  ...newCodeScenarios,
];
