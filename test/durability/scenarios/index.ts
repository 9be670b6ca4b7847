import type { Scenario } from '../harness/scenario';
import { killed } from './kills';
import { lostAnswers } from './lost-answers';
import { newCodeScenarios } from './new-code';
import { peopleScenarios } from './people';
import { undisturbed } from './undisturbed';

/** The matrix. */
export const scenarios: Scenario[] = [
  ...undisturbed,
  ...lostAnswers,
  ...killed,
  ...peopleScenarios,
  ...newCodeScenarios,
];
