import { err, ok, type Result } from '../../units/result.ts';
import type { PolicyDocument, Subject } from '../document.ts';
import { ByteWriter } from './byte-writer.ts';
import { addressOfType, mappedRegions } from './subject-memory.ts';

/** Bytes of the structure; the command line follows it. */
const INFO_BYTES = 40;

/**
 * Boot information of a Solo5 unikernel (Solo5, `hvt_boot_info`): end of memory, last byte of the binary, TSC frequency
 * and manifest (both 0: the unikernel asks the subject information page), address of the command line, and the line.
 * @returns the bytes, or why they cannot be made.
 */
export function buildSolo5BootInfo(document: PolicyDocument, subject: Subject): Result<Uint8Array, string> {
  const mapped = mappedRegions(document, subject);
  const ram = mapped.find(({ mapping }) => mapping.logical === 'ram');
  if (ram === undefined) return err("the subject has no memory with the logical name 'ram'");
  const binaries = mapped.filter(({ region }) => region.type === 'subject_binary');
  if (binaries.length === 0) return err("the subject maps no memory of type 'subject_binary'");
  const commandLine = new TextEncoder().encode(subject.bootparams ?? '');
  const info = new ByteWriter(INFO_BYTES + commandLine.length + 1);
  info.u64(0, ram.mapping.virtualAddress + ram.region.sizeBytes);
  info.u64(
    8,
    binaries.reduce((end, { mapping, region }) => Math.max(end, mapping.virtualAddress + region.sizeBytes - 1), 0),
  );
  info.u64(24, (addressOfType(mapped, 'subject_solo5_boot_info') ?? 0) + INFO_BYTES);
  info.bytes.set(commandLine, INFO_BYTES);
  return ok(info.bytes);
}
