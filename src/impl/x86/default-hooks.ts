import { InvariantError } from '../../units/invariant.ts';
import type { SystemHooks } from './hooks.ts';
import { Activity, Field } from './state-layout.ts';

const noVmx = (): never => {
  throw new InvariantError('a processor without VMX is not in non-root operation');
};

/** A bare processor: no VMX, no devices, no interrupts; ports read as ones. */
export const defaultHooks: SystemHooks = {
  boundary: cpu => (cpu.state.u32(Field.activity) === Activity.active ? 'execute' : 'wait'),
  instructionsUntilEvent: () => Number.POSITIVE_INFINITY,
  intercept: noVmx,
  interceptEvent: noVmx,
  unblocksNmis: () => true,
  tripleFault: noVmx,
  translate: noVmx,
  isDevice: () => false,
  readDevice: noVmx,
  writeDevice: noVmx,
  portIn: (_cpu, _port, sizeBytes) => 2 ** (8 * sizeBytes) - 1,
  portOut: () => {},
  readMsr: () => undefined,
  writeMsr: () => false,
  vmxInstruction: cpu => cpu.fault(6),
  cpuid: () => {},
  visibleCr: (cpu, cr) => cpu.state.u64(cr === 0 ? Field.cr0 : Field.cr4),
  maskedCr: (_cpu, _cr, value) => value,
  mayWriteCr: () => true,
  taskPriority: cpu => cpu.state.u64(Field.cr8),
  setTaskPriority: (cpu, priority) => cpu.state.setU64(Field.cr8, priority),
  readTsc: cpu => cpu.timeStamp(),
};
