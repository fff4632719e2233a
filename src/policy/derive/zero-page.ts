import type { PolicyDocument, Subject } from '../document.ts';
import { ByteWriter } from './byte-writer.ts';
import { type MappedRegion, mappedRegions } from './subject-memory.ts';

/** Offset of the command line in the zero page region: it follows the boot parameters. */
const COMMAND_LINE_OFFSET = 0x1000;
/** Bytes of the region: boot parameters and command line with its end mark. */
const REGION_BYTES = 0x2000;
/** Entries that the memory map of the boot parameters holds. */
const MAX_MAP_ENTRIES = 128;

/** Kinds of memory in the map of a PC (ACPI specification, "Address Range Types"). */
const RAM = 1;
const RESERVED = 2;
const ACPI_DATA = 3;

/** Where Linux prefers to be loaded, and so where its memory must begin. */
const PREFERRED_ADDRESS = 0x100_0000;

/**
 * The boot parameters of a Linux subject, with its command line behind them (Linux x86 boot protocol 2.13, "zero
 * page"): screen, memory map of everything that is mapped, initial RAM disk, command line.
 */
export function buildZeroPage(document: PolicyDocument, subject: Subject): Uint8Array {
  const mapped = mappedRegions(document, subject);
  const commandLine = new TextEncoder().encode(subject.bootparams ?? '');
  const page = new ByteWriter(COMMAND_LINE_OFFSET + commandLine.length + 1);
  writeScreen(page);
  writeSetupHeader(page, subject, mapped);
  writeMemoryMap(page, mapped);
  page.bytes.set(commandLine, COMMAND_LINE_OFFSET);
  return page.bytes;
}

/** A VGA text screen of 80 columns and 25 lines, the cursor in the last line. */
function writeScreen(page: ByteWriter): void {
  page.u8(0x01, 24);
  page.u8(0x06, 3);
  page.u8(0x07, 80);
  page.u16(0x0a, 3);
  page.u8(0x0e, 25);
  page.u8(0x0f, 1);
  page.u16(0x10, 16);
}

/** The fields that a boot loader fills in. */
function writeSetupHeader(page: ByteWriter, subject: Subject, mapped: readonly MappedRegion[]): void {
  page.u8(0x1f1, 7);
  page.u16(0x1fe, 0xaa55);
  page.ascii(0x202, 'HdrS');
  page.u16(0x206, 0x020d);
  page.u8(0x210, 0xff);
  page.u8(0x211, 1);
  const disks = mapped.filter(({ region }) => region.type === 'subject_initrd');
  const [first] = [...disks].sort((a, b) => a.mapping.virtualAddress - b.mapping.virtualAddress);
  if (first !== undefined) {
    page.u32(0x218, first.mapping.virtualAddress);
    page.u32(
      0x21c,
      disks.reduce((sum, { region }) => sum + region.sizeBytes, 0),
    );
  }
  const zeroPage = subject.memory.find(({ physical }) => isZeroPage(mapped, physical))?.virtualAddress ?? 0;
  page.u32(0x228, zeroPage + COMMAND_LINE_OFFSET);
  page.u32(0x230, PREFERRED_ADDRESS);
  page.u16(0x236, 2);
  page.u32(0x238, REGION_BYTES - COMMAND_LINE_OFFSET - 1);
  page.u64(0x258, PREFERRED_ADDRESS);
  const ram = mapped.find(({ mapping }) => mapping.virtualAddress === PREFERRED_ADDRESS);
  page.u32(0x260, ram?.region.sizeBytes ?? 0);
}

const isZeroPage = (mapped: readonly MappedRegion[], physical: string): boolean =>
  mapped.some(({ mapping, region }) => mapping.physical === physical && region.type === 'subject_zeropage');

function writeMemoryMap(page: ByteWriter, mapped: readonly MappedRegion[]): void {
  const entries = mapped.slice(0, MAX_MAP_ENTRIES);
  page.u8(0x1e8, entries.length);
  entries.forEach((entry, index) => {
    const { mapping, region } = entry;
    const offset = 0x2d0 + index * 20;
    page.u64(offset, mapping.virtualAddress);
    page.u64(offset + 8, region.sizeBytes);
    page.u32(offset + 16, kindOf(entry));
  });
}

/** Memory types that a subject may use as RAM where it can write them. */
const RAM_TYPES: ReadonlySet<string> = new Set(['subject', 'subject_initrd']);

function kindOf({ mapping, region }: MappedRegion): number {
  if (RAM_TYPES.has(region.type) && mapping.writable) return RAM;
  return region.type.startsWith('subject_acpi_') ? ACPI_DATA : RESERVED;
}
