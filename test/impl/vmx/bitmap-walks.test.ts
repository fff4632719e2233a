import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../../../src/impl/memory.ts';
import { allowPorts, IO_BITMAP_BYTES } from '../../../src/impl/muen/structures/io-bitmap.ts';
import { allowMsrs, MSR_BITMAP_BYTES } from '../../../src/impl/muen/structures/msr-bitmap.ts';
import { isPortTrapped, openPorts } from '../../../src/impl/vmx/io-bitmap-walk.ts';
import { isMsrTrapped, openMsrs } from '../../../src/impl/vmx/msr-bitmap-walk.ts';
import { hpa } from '../../../src/units/address.ts';

const AT = hpa(0x1_2000);
const B = hpa(0x1_3000);

function place(bytes: Uint8Array): PhysicalMemory {
  const memory = new PhysicalMemory();
  memory.writeBytes(AT, bytes);
  return memory;
}

describe('I/O bitmaps', () => {
  const bitmap = new Uint8Array(IO_BITMAP_BYTES).fill(0xff);
  allowPorts(bitmap, 0x60, 0x60);
  allowPorts(bitmap, 0x7ffe, 0x8001);
  allowPorts(bitmap, 0xffff, 0xffff);
  const memory = place(bitmap);

  it('open exactly the ports whose bits are clear, across both bitmaps', () => {
    expect(openPorts(memory, AT, B)).toEqual([
      { first: 0x60, last: 0x60 },
      { first: 0x7ffe, last: 0x8001 },
      { first: 0xffff, last: 0xffff },
    ]);
  });

  it('trap an access if any of its ports is trapped, or if it wraps around', () => {
    expect(isPortTrapped(memory, AT, B, 0x60, 1)).toBe(false);
    expect(isPortTrapped(memory, AT, B, 0x60, 2)).toBe(true);
    expect(isPortTrapped(memory, AT, B, 0x7ffe, 4)).toBe(false);
    expect(isPortTrapped(memory, AT, B, 0x7fff, 4)).toBe(true);
    expect(isPortTrapped(memory, AT, B, 0xffff, 1)).toBe(false);
    expect(isPortTrapped(memory, AT, B, 0xffff, 2)).toBe(true);
  });
});

describe('MSR bitmaps', () => {
  const bitmap = new Uint8Array(MSR_BITMAP_BYTES).fill(0xff);
  allowMsrs(bitmap, { start: 0x174, end: 0x176, mode: 'rw', at: { line: 1, column: 1 } });
  allowMsrs(bitmap, { start: 0xc000_0080, end: 0xc000_0080, mode: 'r', at: { line: 1, column: 1 } });
  allowMsrs(bitmap, { start: 0xc000_0081, end: 0xc000_0081, mode: 'w', at: { line: 1, column: 1 } });
  const memory = place(bitmap);

  it('open reads and writes separately, in both ranges', () => {
    expect(openMsrs(memory, AT, 'read')).toEqual([
      { first: 0x174, last: 0x176 },
      { first: 0xc000_0080, last: 0xc000_0080 },
    ]);
    expect(openMsrs(memory, AT, 'write')).toEqual([
      { first: 0x174, last: 0x176 },
      { first: 0xc000_0081, last: 0xc000_0081 },
    ]);
  });

  it('answer single accesses as the enumeration does; an MSR outside of both ranges always traps', () => {
    expect(isMsrTrapped(memory, AT, 0x175, 'write')).toBe(false);
    expect(isMsrTrapped(memory, AT, 0xc000_0080, 'read')).toBe(false);
    expect(isMsrTrapped(memory, AT, 0xc000_0080, 'write')).toBe(true);
    expect(isMsrTrapped(place(new Uint8Array(MSR_BITMAP_BYTES)), AT, 0x4000_0000, 'read')).toBe(true);
  });
});
