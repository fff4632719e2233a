import { hpa, PAGE_SIZE_BYTES, pageOffset, subjectAddress } from '../../units/address.ts';
import type { SubjectId } from '../../units/ids.ts';
import type { PhysicalMemory } from '../memory.ts';
import type { SubjectSpec } from '../muen/tables.ts';
import type { System } from '../system.ts';
import { translateEpt } from '../vmx/ept-walk.ts';
import { translateIa32e } from '../x86/paging-walk.ts';
import type { CodeImage } from './code-image.ts';

/** Most bytes that one subject's images hold together. */
export const MAX_IMAGE_BYTES = 0x400_0000;

/** Host-physical address of a subject's address through its own tables, negative if it is not mapped. */
export function subjectToPhysical(memory: PhysicalMemory, spec: SubjectSpec, address: number): number {
  if (spec.ept) return translateEpt(memory, hpa(spec.rootTable), address as Parameters<typeof translateEpt>[2], 'read');
  return translateIa32e(memory, hpa(spec.rootTable), subjectAddress(address), 'read');
}

/**
 * Puts images to a subject's memory, where its own tables map them; the text says what does not fit, empty if all does.
 * Read-only memory is loaded too, as the loader of the real system would.
 */
export function loadCode(system: System, subject: SubjectId, images: readonly CodeImage[]): string {
  const spec = system.kernel.tables.subjects[subject]!;
  const { memory } = system;
  let total = 0;
  for (const { address, bytes } of images) {
    total += bytes.length;
    if (total > MAX_IMAGE_BYTES) return `more than ${MAX_IMAGE_BYTES} bytes of machine code for '${spec.name}'`;
    let done = 0;
    while (done < bytes.length) {
      const physical = subjectToPhysical(memory, spec, address + done);
      if (physical < 0) return `machine code at 0x${(address + done).toString(16)}: '${spec.name}' has no memory there`;
      const count = Math.min(bytes.length - done, PAGE_SIZE_BYTES - pageOffset(physical));
      memory.writeBytes(hpa(physical), bytes.subarray(done, done + count));
      done += count;
    }
  }
  return '';
}
