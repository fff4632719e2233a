import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PhysicalMemory } from '../src/impl/memory.ts';
import { defaultHooks } from '../src/impl/x86/default-hooks.ts';
import { Interpreter } from '../src/impl/x86/interpreter.ts';
import { Field } from '../src/impl/x86/state-layout.ts';
import { X86Processor } from '../src/impl/x86/x86-processor.ts';
import { hpa } from '../src/units/address.ts';
import { invariant } from '../src/units/invariant.ts';

const BUILT = new URL('../src/guests/built/', import.meta.url);
const BOOT_BYTES = 0x1000;
const ROM_BYTES = 0x1_0000;
const FOUR_GIB = 2 ** 32;
const COM1 = 0x3f8;
const COM1_LINE_CONTROL = 0x3fb;
const COM1_STATUS = 0x3fd;
/** Transmitter empty. */
const READY = 0x60;
const EXIT_PORT = 0x501;

/** ROM image of a guest followed by data (src/guests/boot.asm). */
export function guestRom(name: string, data: Uint8Array): Uint8Array {
  const guest = new Uint8Array(readFileSync(new URL(`${name}.bin`, BUILT)));
  const rom = new Uint8Array(ROM_BYTES);
  rom.set(guest);
  rom.set(data, guest.length);
  rom.set(readFileSync(new URL('boot.bin', BUILT)), ROM_BYTES - BOOT_BYTES);
  const view = new DataView(rom.buffer);
  view.setUint32(ROM_BYTES - BOOT_BYTES, FOUR_GIB - ROM_BYTES, true);
  view.setUint32(ROM_BYTES - BOOT_BYTES + 4, (guest.length + data.length + 3) & ~3, true);
  return rom;
}

/** Runs a ROM image on the interpreter from reset; what it wrote to COM1, and how many instructions that took. */
export function runGuest(rom: Uint8Array): { readonly text: string; readonly instructions: number } {
  const memory = new PhysicalMemory();
  memory.writeBytes(hpa(FOUR_GIB - ROM_BYTES), rom);
  let text = '';
  let isDivisorLatch = false;
  const cpu = new X86Processor(memory, {
    frameLimit: FOUR_GIB / 4096,
    hooks: {
      ...defaultHooks,
      portIn: (_cpu, port) => (port === COM1_STATUS ? READY : 0xff),
      portOut: (processor, port, _size, value) => {
        if (port === COM1_LINE_CONTROL) isDivisorLatch = (value & 0x80) !== 0;
        if (port === COM1 && !isDivisorLatch) text += String.fromCharCode(value);
        if (port === EXIT_PORT) processor.stopRequested = true;
      },
    },
  });
  Interpreter.attach(cpu);
  const { reason } = cpu.run(Number.MAX_SAFE_INTEGER);
  invariant(reason === 'stopped', `the guest ended by ${reason}`);
  return { text, instructions: Number(cpu.state.u64(Field.retired)) };
}

const CONFIGURATION = `
cpu: model=corei7_skylake_x, count=1, ips=1000000, reset_on_triple_fault=0
megs: 64
romimage: file=rom.bin
display_library: term
com1: enabled=1, mode=file, dev=com1.out
clock: sync=none
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
log: bochs.log
`;

/** Seconds of CPU time that Bochs takes for a ROM image, and the image's output; undefined if Bochs is not installed. */
export function runOnBochs(rom: Uint8Array): { readonly text: string; readonly seconds: number } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'muencheck-bench-'));
  try {
    writeFileSync(join(folder, 'rom.bin'), rom);
    writeFileSync(join(folder, 'bochsrc'), CONFIGURATION);
    const { stdout } = spawnSync('sh', ['-c', 'echo c | bochs -q -f bochsrc >/dev/null 2>&1; times'], {
      cwd: folder,
      env: { ...process.env, TERM: 'xterm' },
      encoding: 'utf8',
      timeout: 120_000,
    });
    const out = join(folder, 'com1.out');
    if (!existsSync(out)) return undefined;
    // The second line of `times` holds the user and system time of children, as "1m2.34s 0m0.10s".
    const times = [...(stdout.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
    const seconds = times.reduce((sum, [, minutes, rest]) => sum + Number(minutes) * 60 + Number(rest), 0);
    return { text: readFileSync(out, 'latin1'), seconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
