import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SOURCES = new URL('../../../src/guests/', import.meta.url).pathname;

/** Guests that are linked as ELF64, with the addresses of their sections. */
export const ELF_GUESTS = {
  component: { '.text': 0x20_0000, '.rodata': 0x20_2000, '.data': 0x20_3000 },
} as const satisfies Record<string, Readonly<Record<string, number>>>;
export type ElfGuest = keyof typeof ELF_GUESTS;

const runs = (tool: string): boolean => spawnSync(tool, ['-v']).status === 0;
/** Why ELF guests cannot be built; empty if they can. */
export const linkerMissing: string =
  runs('nasm') && runs('ld') ? '' : '(skipped: nasm or ld is not installed; apt-get install nasm binutils)';

export const elfPath = (guest: ElfGuest): string => join(SOURCES, 'built', `${guest}.elf`);
export const elfBytes = (guest: ElfGuest): Uint8Array => new Uint8Array(readFileSync(elfPath(guest)));

function execute(tool: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(tool, args);
  if (status !== 0) throw new Error(`${tool}: ${stderr}`);
}

/** Assembles and links a guest from its source. */
export function linkElf(guest: ElfGuest): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'muencheck-elf-'));
  try {
    const object = join(folder, 'out.o');
    const out = join(folder, 'out.elf');
    execute('nasm', ['-f', 'elf64', '-w+error', '-o', object, join(SOURCES, `${guest}.asm`)]);
    const places = Object.entries(ELF_GUESTS[guest]).map(
      ([name, at]) => `--section-start=${name}=0x${at.toString(16)}`,
    );
    execute('ld', ['-static', '-nostdlib', '--build-id=none', '-s', '-e', 'start', ...places, '-o', out, object]);
    return new Uint8Array(readFileSync(out));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
