import { describe, expect, test } from 'vitest';
import {
  type ConfigurationSpace,
  configurationSpacesOf,
  presentSpaces,
  settleSpace,
} from '../../../src/impl/dma/configuration-space.ts';
import { PhysicalMemory } from '../../../src/impl/memory.ts';
import { frameOf, hpa, PAGE_SIZE_BYTES } from '../../../src/units/address.ts';
import { goldenDocument, goldenMissing } from '../golden.ts';

describe.skipIf(goldenMissing !== '')(`configuration spaces of a real system ${goldenMissing}`, () => {
  const memory = new PhysicalMemory();
  const spaces = goldenMissing === '' ? configurationSpacesOf(goldenDocument('systems/demo_system_vtd--qemu-kvm')) : [];
  presentSpaces(memory, spaces);
  const spaceOf = (name: string): ConfigurationSpace => spaces.find(space => space.name === name)!;
  const read = (name: string, offset: number): number => memory.readWordAt(hpa(spaceOf(name).address + offset));
  /** A word after a write, as a subject reads it back. */
  const written = (name: string, offset: number, value: number): number => {
    const space = spaceOf(name);
    memory.writePair(hpa(space.address + (offset & ~7)), ...pair(name, offset, value));
    settleSpace(memory, space, memory.slotOf(frameOf(space.address)) * PAGE_SIZE_BYTES);
    return read(name, offset);
  };
  const pair = (name: string, offset: number, value: number): [number, number] =>
    offset % 8 === 0 ? [value, read(name, offset + 4)] : [read(name, offset - 4), value];

  test('name their devices and say where their memory and ports are', () => {
    // lspci of the machine that the policy describes: Virtio network device, ICH9 AHCI.
    expect(read('ethernet_controller_1', 0)).toBe(0x1041_1af4);
    expect(read('ethernet_controller_1', 8)).toBe(0x0200_0001);
    expect(read('sata_controller_1', 0)).toBe(0x2922_8086);
    expect(read('sata_controller_1', 8) >>> 16).toBe(0x0106);
    expect([0x10, 0x14, 0x18].map(offset => read('ethernet_controller_1', offset))).toEqual([
      0xfebd_5000, 0xfe00_0000, 0xfeb4_0000,
    ]);
    expect([0x10, 0x14].map(offset => read('sata_controller_1', offset))).toEqual([0xfebd_7000, 0xc141]);
    expect([read('sata_controller_1', 0x3c), read('ethernet_controller_1', 0x3c)]).toEqual([0x100, 0]);
  });

  test('tell the size of memory and ports when ones are written, and take the address again', () => {
    expect(written('ethernet_controller_1', 0x10, 0xffff_ffff)).toBe(0xffff_f000);
    expect(written('ethernet_controller_1', 0x14, 0xffff_ffff)).toBe(0xffff_c000);
    expect(written('ethernet_controller_1', 0x18, 0xffff_ffff)).toBe(0xfffc_0000);
    expect(written('ethernet_controller_1', 0x1c, 0xffff_ffff)).toBe(0);
    expect(written('sata_controller_1', 0x14, 0xffff_ffff)).toBe(0xffe1);
    expect(written('ethernet_controller_1', 0x10, 0xfebd_5000)).toBe(0xfebd_5000);
  });

  test('keep ids, status and what no device has', () => {
    expect(written('ethernet_controller_1', 0, 0)).toBe(0x1041_1af4);
    expect(written('ethernet_controller_1', 4, 0xffff_ffff)).toBe(0x0010_0547);
    expect(written('sata_controller_1', 0x34, 0xffff_ffff)).toBe(0);
    expect(written('sata_controller_1', 0x100, 0xffff_ffff)).toBe(0);
  });

  test('have message-signalled interrupts where the policy assigns some', () => {
    const at = read('ethernet_controller_1', 0x34) & 0xff;
    // MSI with 64-bit addresses, four messages, the last capability.
    expect(read('ethernet_controller_1', at)).toBe(0x0084_0005);
    expect(written('ethernet_controller_1', at + 4, 0xfee0_0013)).toBe(0xfee0_0010);
  });
});
