import type { System } from '../impl/system.ts';

/** What a page is to the kernel. */
export type SlotKind =
  | 'global'
  | 'local'
  | 'state'
  | 'timedEvent'
  | 'interrupts'
  | 'vmcs'
  | 'fpu'
  | 'msrStore'
  | 'schedulingInfo'
  | 'interface'
  | 'audit';

/** A page of the kernel, and whose it is. */
export interface SlotOwner {
  readonly kind: SlotKind;
  /** Subject, partition or CPU. */
  readonly id: number;
}

/** The kernel's pages by slot; slots past the end belong to frames that subjects touched later. */
export function pageOwners(system: System): readonly (SlotOwner | undefined)[] {
  const { at } = system.kernel;
  const owners: (SlotOwner | undefined)[] = Array.from({ length: system.memory.frameCount }, () => undefined);
  const own = (slots: readonly number[], kind: SlotKind): void => {
    slots.forEach((slot, id) => {
      if (slot >= 0) owners[slot] = { kind, id };
    });
  };
  own([at.globalSlot], 'global');
  own(at.dataSlots, 'local');
  at.bssSlots.forEach((slots, id) => {
    for (const slot of slots) owners[slot] = { kind: 'local', id };
  });
  own(at.stateSlots, 'state');
  own(at.timedEventSlots, 'timedEvent');
  own(at.interruptSlots, 'interrupts');
  own(at.vmcsSlots, 'vmcs');
  own(at.fpuSlots, 'fpu');
  own(at.msrStoreSlots, 'msrStore');
  own(at.schedulingInfoSlots, 'schedulingInfo');
  own([at.interfaceSlot], 'interface');
  own([at.crashAuditSlot], 'audit');
  return owners;
}
