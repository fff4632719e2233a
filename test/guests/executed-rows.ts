import type { VmxCapabilities } from '../../src/impl/vmx/capabilities.ts';
import type { InstructionRow } from '../../src/impl/x86/row.ts';
import { guestMachine, runMachine } from './machine.ts';

/** Ids of the system rows whose helper ran while our interpreter executed a guest. */
export function executedRows(
  image: Uint8Array,
  maxInstructions: number,
  capabilities?: VmxCapabilities,
): ReadonlySet<number> {
  const machine = guestMachine(image, capabilities);
  const seen = new Set<number>();
  // The decoder fills this object for each instruction that is executed by a helper.
  let current: InstructionRow = machine.cpu.instruction.row;
  Object.defineProperty(machine.cpu.instruction, 'row', {
    get: () => current,
    set: (row: InstructionRow) => {
      current = row;
      seen.add(row.id);
    },
  });
  const run = runMachine(machine, maxInstructions);
  if (!run.ok) throw new Error(run.reason);
  return seen;
}
