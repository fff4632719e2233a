import type { Property } from '../src/engine/property.ts';
import { interleavedRefinement } from './events/interleaved-refinement.ts';
import { interruptStepRefinement } from './interrupts/step-refinement.ts';
import { sharingIsExplained } from './isolation/intent.ts';
import { noninterference } from './isolation/noninterference.ts';
import { kernelPageTables, subjectPageTables } from './isolation/page-tables.ts';
import { schedulingStepRefinement } from './scheduling/step-refinement.ts';

/** All registered properties, in report order. */
export const PROPERTIES: readonly Property[] = [
  subjectPageTables,
  kernelPageTables,
  sharingIsExplained,
  noninterference,
  schedulingStepRefinement,
  interleavedRefinement,
  interruptStepRefinement,
];
