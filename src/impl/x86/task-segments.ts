import {
  type Descriptor,
  descriptorPrivilege,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isReadable,
  isWritableData,
  markAccessed,
  readDescriptor,
  selectorError,
  setFromDescriptor,
  setParagraph,
} from './descriptor.ts';
import type { Processor } from './processor.ts';
import { Flag, Seg } from './state-layout.ts';
import type { TaskState } from './task-state.ts';
import { Vector } from './unwind.ts';

const LDT = 2;

/**
 * Segments of a new task: descriptors are checked and loaded in its own context (SDM Vol. 3A, table "Exception Conditions
 * Checked During a Task Switch", whose order is that of the checks here). The LDT's presence alone is checked earlier, before
 * other descriptors are read from it.
 */
export function loadTaskSegments(cpu: Processor, next: TaskState, external: number): void {
  loadLdt(cpu, next.ldt, external);
  if ((next.flags & Flag.vm) !== 0) {
    next.selectors.forEach((selector, segment) => {
      setParagraph(cpu, segment, selector);
    });
    cpu.updateContext();
    return;
  }
  loadCodeAndStack(cpu, next.selectors[Seg.cs]!, next.selectors[Seg.ss]!, external);
  for (const segment of [Seg.ds, Seg.es, Seg.fs, Seg.gs]) loadData(cpu, segment, next.selectors[segment]!, external);
  cpu.updateContext();
}

function loadLdt(cpu: Processor, selector: number, external: number): undefined {
  if (isNull(selector)) return;
  const error = selectorError(selector) + external;
  const ldt = (selector & 4) === 0 ? readDescriptor(cpu, selector) : undefined;
  if (ldt === undefined || (ldt.rights & 0x1f) !== LDT || !isPresent(ldt.rights)) {
    return cpu.fault(Vector.invalidTss, error);
  }
  cpu.state.setSegment(Seg.ldtr, selector, ldt.base, ldt.limit, ldt.rights);
}

const matchesPrivilege = (code: Descriptor, rpl: number): boolean => {
  const dpl = descriptorPrivilege(code.rights);
  return isConforming(code.rights) ? dpl <= rpl : dpl === rpl;
};

function loadCodeAndStack(cpu: Processor, codeSelector: number, stackSelector: number, external: number): undefined {
  const codeError = selectorError(codeSelector) + external;
  const stackError = selectorError(stackSelector) + external;
  const rpl = codeSelector & 3;
  const code = isNull(codeSelector) ? undefined : readDescriptor(cpu, codeSelector);
  if (code !== undefined && isCode(code.rights) && !matchesPrivilege(code, rpl))
    cpu.fault(Vector.invalidTss, codeError);
  const stack = isNull(stackSelector) ? undefined : readDescriptor(cpu, stackSelector);
  if (stack === undefined || !isWritableData(stack.rights)) return cpu.fault(Vector.invalidTss, stackError);
  if (!isPresent(stack.rights)) cpu.fault(Vector.stack, stackError);
  if (descriptorPrivilege(stack.rights) !== rpl) cpu.fault(Vector.invalidTss, stackError);
  if (code === undefined || !isCode(code.rights)) return cpu.fault(Vector.invalidTss, codeError);
  if (!isPresent(code.rights)) cpu.fault(Vector.notPresent, codeError);
  if ((stackSelector & 3) !== rpl) cpu.fault(Vector.invalidTss, stackError);
  markAccessed(cpu, code);
  markAccessed(cpu, stack);
  setFromDescriptor(cpu, Seg.cs, codeSelector, code);
  setFromDescriptor(cpu, Seg.ss, stackSelector, stack);
  cpu.updateContext();
}

function loadData(cpu: Processor, segment: number, selector: number, external: number): undefined {
  if (isNull(selector)) return;
  const error = selectorError(selector) + external;
  const data = readDescriptor(cpu, selector);
  if (data === undefined || !isReadable(data.rights)) return cpu.fault(Vector.invalidTss, error);
  if (!isPresent(data.rights)) cpu.fault(Vector.notPresent, error);
  const dpl = descriptorPrivilege(data.rights);
  const isAllowed = isConforming(data.rights) || (dpl >= cpu.state.cpl && dpl >= (selector & 3));
  if (!isAllowed) cpu.fault(Vector.invalidTss, error);
  markAccessed(cpu, data);
  setFromDescriptor(cpu, segment, selector, data);
}
