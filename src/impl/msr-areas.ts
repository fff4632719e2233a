import { frameOf, hpa, pageOffset } from '../units/address.ts';
import { joinWords } from '../units/word.ts';
import type { Cpu } from './cpu.ts';
import type { PhysicalMemory } from './memory.ts';
import { isLoadable, MSRS, msrPlace, readMsr, writeMsr } from './msrs.ts';
import { vmcsWord } from './vmx/vmcs.ts';

/** MSR areas of VM exits and entries: entries of 16 bytes {index, reserved, data} (SDM Vol. 3C, "Format of an MSR Entry"). */

const STORE = { address: vmcsWord('EXIT_MSR_STORE_ADDRESS'), count: vmcsWord('EXIT_MSR_STORE_COUNT') };
const LOAD = { address: vmcsWord('ENTRY_MSR_LOAD_ADDRESS'), count: vmcsWord('ENTRY_MSR_LOAD_COUNT') };
const ENTRY_BYTES = 16;
/** Most entries that the processor takes (IA32_VMX_MISC[27:25]); more is undefined behaviour, which stops here. */
const MAX_ENTRIES = 512;

/** A VM exit stores the listed MSRs; a list that names another one is a VMX abort, of which the text says why. */
export function storeMsrs(memory: PhysicalMemory, cpu: Cpu): string {
  const count = cpu.vmread(STORE.count);
  if (count === 0) return '';
  const base = joinWords(cpu.vmread(STORE.address), cpu.vmread(STORE.address + 1));
  if (count > MAX_ENTRIES) return `${count} MSRs to store`;
  for (let entry = 0; entry < count; entry++) {
    const at = base + ENTRY_BYTES * entry;
    const index = memory.readWordAt(hpa(at));
    const place = msrPlace(index);
    if (place < 0 || memory.readWordAt(hpa(at + 4)) !== 0) return `MSR 0x${index.toString(16)} cannot be stored`;
    const [low, high] = readMsr(cpu, place);
    const slot = memory.slotOf(frameOf(hpa(at)));
    const word = pageOffset(at + 8) >>> 2;
    memory.writeWord(slot, word, low);
    memory.writeWord(slot, word + 1, high);
  }
  return '';
}

/** A VM entry loads the listed MSRs; the 1-based number of the entry that fails, 0 if all are loaded (SDM Vol. 3C, "Loading MSRs"). */
export function loadMsrs(memory: PhysicalMemory, cpu: Cpu): number {
  const count = cpu.vmread(LOAD.count);
  if (count === 0) return 0;
  const base = joinWords(cpu.vmread(LOAD.address), cpu.vmread(LOAD.address + 1));
  for (let entry = 0; entry < Math.min(count, MAX_ENTRIES); entry++) {
    const at = base + ENTRY_BYTES * entry;
    const index = memory.readWordAt(hpa(at));
    const low = memory.readWordAt(hpa(at + 8));
    const high = memory.readWordAt(hpa(at + 12));
    const place = msrPlace(index);
    const isValid = memory.readWordAt(hpa(at + 4)) === 0 && isLoadable(index) && MSRS[place]!.accepts(low, high);
    if (!isValid) return entry + 1;
    writeMsr(cpu, place, low, high);
  }
  return 0;
}
