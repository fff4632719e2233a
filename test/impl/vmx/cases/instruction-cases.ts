import type { VmxCase } from './case-program.ts';
import { exceptionCases, portAndMsrCases } from './event-cases.ts';
import { registerCases, simpleCases } from './instruction-exit-cases.ts';
import { eptCases, eventCases } from './memory-cases.ts';
import { rootCases } from './root-cases.ts';
import { taskCases } from './task-cases.ts';

/** Cases about instructions and exits, in a fixed order. */
export function instructionCases(): readonly VmxCase[] {
  return [
    ...simpleCases(),
    ...registerCases(),
    ...portAndMsrCases(),
    ...exceptionCases(),
    ...eptCases(),
    ...eventCases(),
    ...rootCases(),
    ...taskCases(),
  ];
}
