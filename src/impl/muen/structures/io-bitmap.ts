import type { PolicyDocument, Subject } from '../../../policy/document.ts';
import type { StructureOps } from './ops.ts';

/** Bytes of I/O bitmaps A (ports 0 .. 0x7fff) and B (0x8000 .. 0xffff), one after the other. */
export const IO_BITMAP_BYTES = 0x2000;

/** Clears the bits of ports `start` .. `end`, both inclusive, so that accesses to them do not exit. */
export function allowPorts(bitmap: Uint8Array, start: number, end: number): void {
  for (let port = start; port <= end; port++) bitmap[port >>> 3]! &= ~(1 << (port & 7));
}

/**
 * I/O bitmaps of a subject: every port exits, except those of the devices that it has (SDM Vol. 3C, "I/O-Bitmap
 * Addresses"; Muen: mugeniobm, region `<subject>|iobm`). A reference that leads nowhere allows nothing.
 */
export function buildIoBitmap(document: PolicyDocument, subject: Subject, ops: StructureOps): Uint8Array {
  const bitmap = new Uint8Array(IO_BITMAP_BYTES).fill(0xff);
  for (const device of subject.devices) {
    const physical = document.hardware.devices.find(candidate => candidate.name === device.physical);
    for (const { physical: name } of device.ioPorts) {
      const port = physical?.ioPorts.find(candidate => candidate.name === name);
      if (port !== undefined) ops.allowPorts(bitmap, port.start, port.end);
    }
  }
  return bitmap;
}
