import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What an emulator's guest wrote to COM1, or why there is nothing. */
export type Transcript = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reason: string };

const onPath = (program: string): boolean =>
  (process.env.PATH ?? '').split(':').some(folder => existsSync(join(folder, program)));

/** Why Bochs cannot be used; empty if it can. */
export const bochsMissing: string = onPath('bochs')
  ? ''
  : '(skipped: bochs is not installed; apt-get install bochs bochs-term bochsbios vgabios)';
export const qemuMissing: string = onPath('qemu-system-x86_64')
  ? ''
  : '(skipped: qemu-system-x86_64 is not installed; apt-get install qemu-system-x86)';

function inFolder<T>(run: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'muencheck-guest-'));
  try {
    return run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bochs as this suite uses it: one processor with VMX, 64 MiB, our image as its BIOS, COM1 to a file, no clock. */
const bochsConfiguration = (megabytes: number, processors: number): string => `
cpu: model=corei7_skylake_x, count=${processors}, ips=1000000, reset_on_triple_fault=0, ignore_bad_msrs=0
megs: ${megabytes}
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

/** The debugger build waits for a command; others read nothing. */
const DEBUGGER_INPUT = 'c\n';

/** Runs a ROM image on Bochs until its guest powers the machine off. */
export function runBochs(rom: Uint8Array, processors = 1, timeoutMs = 60_000): Transcript {
  return inFolder(folder => {
    writeFileSync(join(folder, 'rom.bin'), rom);
    writeFileSync(join(folder, 'bochsrc'), bochsConfiguration(64, processors));
    const { error } = spawnSync('bochs', ['-q', '-f', 'bochsrc'], {
      cwd: folder,
      input: DEBUGGER_INPUT,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      env: { ...process.env, TERM: 'xterm' },
      maxBuffer: 1 << 28,
    });
    const log = existsSync(join(folder, 'bochs.log')) ? readFileSync(join(folder, 'bochs.log'), 'latin1') : '';
    const out = join(folder, 'com1.out');
    const text = existsSync(out) ? readFileSync(out, 'latin1') : '';
    if (log.includes('Shutdown port: shutdown requested')) return { ok: true, text };
    const panic = /^.*>>PANIC<<.*$/m.exec(log)?.[0] ?? error?.message ?? 'no panic in the log';
    return { ok: false, reason: `bochs did not come to the end: ${panic}; last output: ${text.slice(-300)}` };
  });
}

/** Runs a ROM image on QEMU without hardware virtualization until its guest powers the machine off. */
export function runQemu(rom: Uint8Array, processors = 1, timeoutMs = 60_000): Transcript {
  return inFolder(folder => {
    writeFileSync(join(folder, 'rom.bin'), rom);
    const { status, stdout, stderr, error } = spawnSync(
      'qemu-system-x86_64',
      [
        ...[
          '-accel',
          'tcg',
          '-cpu',
          'max,vendor=GenuineIntel',
          '-m',
          '64',
          '-bios',
          'rom.bin',
          '-display',
          'none',
          '-net',
          'none',
        ],
        ...['-smp', `${processors}`],
        ...['-serial', 'stdio', '-no-reboot', '-device', 'isa-debug-exit,iobase=0x501,iosize=1'],
      ],
      { cwd: folder, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 1 << 28 },
    );
    // isa-debug-exit makes of the value v the exit code 2 v + 1.
    if (status === 1) return { ok: true, text: stdout.toString('latin1') };
    return {
      ok: false,
      reason: `qemu: ${error?.message ?? stderr.toString()}; last output: ${stdout.toString().slice(-300)}`,
    };
  });
}
