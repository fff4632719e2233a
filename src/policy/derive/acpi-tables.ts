import type { PolicyDocument, Subject } from '../document.ts';
import { ByteWriter, checksum } from './byte-writer.ts';
import { addressOfType, mappedRegions } from './subject-memory.ts';

/** Who made the tables, as the real tool says it. */
const OEM_ID = 'Muen  ';
const CREATOR_ID = 'SKP ';
const CREATOR_REVISION = 'DRTY';

interface TableHead {
  readonly signature: string;
  readonly revision: number;
  /** Eight characters. */
  readonly oemTableId: string;
  readonly sizeBytes: number;
}

/** Starts a table (ACPI specification, "System Description Table Header"); the checksum is written last. */
export function startTable({ signature, revision, oemTableId, sizeBytes }: TableHead): ByteWriter {
  const table = new ByteWriter(sizeBytes);
  table.ascii(0, signature);
  table.u32(4, sizeBytes);
  table.u8(8, revision);
  table.ascii(10, OEM_ID);
  table.ascii(16, oemTableId);
  table.ascii(28, CREATOR_ID);
  table.ascii(32, CREATOR_REVISION);
  return table;
}

/** Writes the checksum of a table that is complete. */
export function finishTable(table: ByteWriter): Uint8Array {
  table.u8(9, checksum(table.bytes));
  return table.bytes;
}

/** Root pointer: where the extended table list is (ACPI specification, "Root System Description Pointer"). */
export function buildRsdp(document: PolicyDocument, subject: Subject): Uint8Array {
  const table = new ByteWriter(36);
  table.ascii(0, 'RSD PTR ');
  table.ascii(9, OEM_ID);
  table.u8(15, 2);
  table.u32(20, table.bytes.length);
  table.u64(24, addressOfType(mappedRegions(document, subject), 'subject_acpi_xsdt') ?? 0);
  table.u8(8, checksum(table.bytes.subarray(0, 20)));
  table.u8(32, checksum(table.bytes));
  return table.bytes;
}

/** Extended list of tables with its one entry, the fixed description. */
export function buildXsdt(document: PolicyDocument, subject: Subject): Uint8Array {
  const table = startTable({ signature: 'XSDT', revision: 1, oemTableId: '1 entry ', sizeBytes: 44 });
  table.u64(36, addressOfType(mappedRegions(document, subject), 'subject_acpi_fadt') ?? 0);
  return finishTable(table);
}

/** SCI vector, which nothing uses. */
const SCI_INTERRUPT = 9;
/** No VGA probing, no ASPM control. */
const BOOT_FLAGS = 0x14;
/** No fixed power and sleep buttons, no real-time clock wake, reset not supported, hardware-reduced ACPI. */
const FEATURE_FLAGS = 0x10_1070;

/** Fixed description: a hardware-reduced machine, and where its namespace is (ACPI specification, "FADT"). */
export function buildFadt(document: PolicyDocument, subject: Subject): Uint8Array {
  const table = startTable({ signature: 'FACP', revision: 5, oemTableId: ' first  ', sizeBytes: 268 });
  table.u16(46, SCI_INTERRUPT);
  table.u16(109, BOOT_FLAGS);
  table.u32(112, FEATURE_FLAGS);
  table.u64(140, addressOfType(mappedRegions(document, subject), 'subject_acpi_dsdt') ?? 0);
  return finishTable(table);
}
