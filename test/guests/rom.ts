import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SOURCES = new URL('../../src/guests/', import.meta.url);
const BUILT = new URL('built/', SOURCES);

/** Guests whose transcripts are compared with those of emulators. */
export const SYSTEM_GUESTS = [
  'system64',
  'control64',
  'transfer64',
  'paging64',
  'ports64',
  'debug64',
  'system32',
  'pae32',
  'tasks32',
  'smp32',
] as const;
/** Processors that a system guest runs on. */
export const processorsOf = (guest: string): number => (guest.startsWith('smp') ? 2 : 1);
/** Guests with a source of the same name in src/guests. */
export const GUESTS = [
  'boot',
  'vmx-cases',
  'x86-loop',
  'native-program',
  'vm-program',
  'linux-probe',
  ...SYSTEM_GUESTS,
] as const;
export type Guest = (typeof GUESTS)[number];

/** Bytes of the boot code at the end of a ROM image. */
const BOOT_BYTES = 0x1000;
/** ROM images are multiples of this: QEMU wants it. */
const ROM_UNIT_BYTES = 0x1_0000;

/** Why nasm cannot be used; empty if it can. */
export const nasmMissing: string =
  spawnSync('nasm', ['-v']).status === 0 ? '' : '(skipped: nasm is not installed; apt-get install nasm)';

/** Assembles a guest from its source. */
export function assemble(guest: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'muencheck-nasm-'));
  try {
    const out = join(folder, 'out.bin');
    const source = new URL(`${guest}.asm`, SOURCES).pathname;
    const { status, stderr } = spawnSync('nasm', ['-f', 'bin', '-w+error', '-i', SOURCES.pathname, '-o', out, source]);
    if (status !== 0) throw new Error(`nasm ${guest}: ${stderr}`);
    return new Uint8Array(readFileSync(out));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The committed binary of a guest. */
export function builtGuest(guest: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${guest}.bin`, BUILT)));
}

export const builtPath = (guest: string): string => new URL(`${guest}.bin`, BUILT).pathname;

/** ROM image that starts `guest` followed by `data` (src/guests/boot.asm). */
export function romImage(guest: Uint8Array, data: Uint8Array = new Uint8Array()): Uint8Array {
  const used = guest.length + data.length;
  const size = Math.ceil((used + BOOT_BYTES) / ROM_UNIT_BYTES) * ROM_UNIT_BYTES;
  const rom = new Uint8Array(size);
  rom.set(guest);
  rom.set(data, guest.length);
  rom.set(builtGuest('boot'), size - BOOT_BYTES);
  const view = new DataView(rom.buffer);
  view.setUint32(size - BOOT_BYTES, 2 ** 32 - size, true);
  view.setUint32(size - BOOT_BYTES + 4, (used + 3) & ~3, true);
  return rom;
}
