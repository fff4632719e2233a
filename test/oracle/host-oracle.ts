import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Interpreter } from '../../src/impl/x86/interpreter.ts';
import { OPEN_RESULT } from '../../src/impl/x86/ir.ts';
import type { Snippet } from './snippet.ts';
import { CODE_BASE, CODE_START, DATA_BYTES, type UserMachine, WINDOW_BYTES, WINDOW_START } from './user-machine.ts';

/** Layouts of `struct request` and `struct answer` in host-cpu.c. */
const REQUEST_BYTES = 448;
const ANSWER_BYTES = 424;
const REQUEST = { gpr: 0, flags: 128, bits: 136, length: 140, code: 144, window: 192 };
const ANSWER = { gpr: 0, flags: 128, rip: 136, trap: 144, error: 148, cr2: 152, hash: 160, window: 168 };

/** Compiles the native half; undefined with a reason where that is not possible. */
export function buildHostCpu(): { readonly path: string } | { readonly reason: string } {
  if (process.arch !== 'x64' || process.platform !== 'linux') return { reason: 'the host is not an x86-64 Linux' };
  const source = fileURLToPath(new URL('host-cpu.c', import.meta.url));
  const path = join(mkdtempSync(join(tmpdir(), 'muencheck-oracle-')), 'host-cpu');
  const built = spawnSync('gcc', ['-O2', '-Wall', '-o', path, source], { encoding: 'utf8' });
  if (built.error !== undefined) return { reason: 'gcc is not installed (apt-get install gcc)' };
  return existsSync(path) ? { path } : { reason: `gcc failed: ${built.stderr}` };
}

/** Runs snippets on the host's CPU; one answer each. */
export function runOnHost(path: string, snippets: readonly Snippet[]): DataView[] {
  const input = Buffer.alloc(snippets.length * REQUEST_BYTES);
  const view = new DataView(input.buffer, input.byteOffset);
  snippets.forEach((snippet, index) => {
    const at = index * REQUEST_BYTES;
    snippet.gpr.forEach((value, n) => {
      view.setBigUint64(at + REQUEST.gpr + n * 8, value, true);
    });
    view.setBigUint64(at + REQUEST.flags, BigInt(snippet.flags), true);
    view.setUint32(at + REQUEST.bits, snippet.bits, true);
    view.setUint32(at + REQUEST.length, snippet.code.length, true);
    input.set(snippet.code, at + REQUEST.code);
    input.set(snippet.window, at + REQUEST.window);
  });
  const result = spawnSync(path, { input, maxBuffer: snippets.length * ANSWER_BYTES + 1024 });
  const bytes = result.stdout;
  if (bytes.length !== snippets.length * ANSWER_BYTES) {
    throw new Error(
      `host-cpu ended after ${bytes.length / ANSWER_BYTES} snippets (status ${result.status}, signal ${result.signal})`,
    );
  }
  return snippets.map((_, index) => new DataView(bytes.buffer, bytes.byteOffset + index * ANSWER_BYTES, ANSWER_BYTES));
}

/** Trap number of a snippet that does not end. */
const TRAP_LOOPS = 0xffff;
/** Status flags and DF. */
const COMPARED_FLAGS = 0xcd5;
const MASK32 = 0xffff_ffffn;

/** Runs a snippet on the machine: the instruction, then the int3 or fault that follows. */
export function runOnMachine(machine: UserMachine, snippet: Snippet): number {
  const { cpu, memory } = machine;
  const { state } = cpu;
  const { bytes } = memory;
  memory.beginStep();
  memory.touch(machine.dataHost >>> 12);
  memory.touch((machine.dataHost >>> 12) + 1);
  memory.touch(machine.codeHost >>> 12);
  bytes.fill(0, machine.dataHost, machine.dataHost + DATA_BYTES);
  bytes.set(snippet.window, machine.dataHost + WINDOW_START);
  bytes.fill(0xcc, machine.codeHost + CODE_START - 64, machine.codeHost + CODE_START + 208);
  bytes.set(snippet.code, machine.codeHost + CODE_START);
  machine.setMode(snippet.bits);
  snippet.gpr.forEach((value, n) => {
    state.setGpr(n, value);
  });
  state.rflags = snippet.flags;
  state.rip = BigInt(CODE_BASE + CODE_START);
  machine.event = undefined;
  let open = 0;
  if (cpu.tier instanceof Interpreter) {
    cpu.run(40_000);
    return open;
  }
  for (let steps = 0; steps < 40_000 && machine.event === undefined; steps++) {
    cpu.step();
    if (machine.event === undefined) open = cpu.evaluator.openFlags;
  }
  return open;
}

/** Differences between the host's answer and the machine's state, as text. */
export function compare(machine: UserMachine, snippet: Snippet, answer: DataView, open: number): string[] {
  const { state } = machine.cpu;
  const { event } = machine;
  const found: string[] = [];
  const hex = (value: bigint | number): string => value.toString(16);
  const differ = (what: string, mine: bigint | number, host: bigint | number): void => {
    if (mine !== host) found.push(`${what}: ${hex(mine)} here, ${hex(host)} on the host`);
  };
  const u64 = (at: number): bigint => answer.getBigUint64(at, true);
  if (event === undefined) return answer.getUint32(ANSWER.trap, true) === TRAP_LOOPS ? [] : ['does not end here'];
  const isSoftware = event.type === 6 || event.type === 4;
  const rip = state.rip + BigInt(isSoftware ? event.instructionLength : 0);
  differ('trap', event.vector, answer.getUint32(ANSWER.trap, true));
  differ('rip', rip, u64(ANSWER.rip));
  const cr2 = u64(ANSWER.cr2);
  // Linux hides from user programs whether a page above their part of the address space is present.
  const isKernelAddress = event.vector === 14 && event.payload >= 0x7fff_ffff_f000n;
  // AMD pushes the return address before it checks the target, Intel after (SDM Vol. 2A, CALL, "Operation").
  const hostTrap = answer.getUint32(ANSWER.trap, true);
  const isCall = snippet.row.mnemonic === 'call';
  if (isCall && event.vector === 13 && (hostTrap === 14 || hostTrap === 12)) return [];
  if (event.vector === 14) differ('cr2', event.payload, cr2);
  if (event.errorCode !== undefined && !isKernelAddress) {
    differ('error', event.errorCode, answer.getUint32(ANSWER.error, true));
  }
  // AMD reads 32 bits for MOVSXD with a 16-bit operand, Intel 16 (SDM Vol. 2B, MOVSX/MOVSXD): the other two may fault, as #SS through RSP or RBP.
  if (snippet.row.mnemonic === 'movsxd' && snippet.code.includes(0x66) && hostTrap >= 12 && hostTrap <= 14) return [];
  // Real processors keep the registers that POPA loaded before a fault; the SDM leaves that open.
  const isPartial = /^popa/.test(String(snippet.row.mnemonic)) && event.type === 3;
  const isResultOpen = (open & OPEN_RESULT) !== 0 || isPartial;
  const mask = snippet.bits === 32 ? MASK32 : 0xffff_ffff_ffff_ffffn;
  if (!isResultOpen) {
    for (let n = 0; n < (snippet.bits === 32 ? 8 : 16); n++) {
      differ(`r${n}`, state.gpr(n) & mask, u64(ANSWER.gpr + n * 8) & mask);
    }
  }
  const flags = COMPARED_FLAGS & ~open;
  differ('flags', state.rflags & flags, Number(u64(ANSWER.flags)) & flags);
  if (!isResultOpen) {
    const words = new Uint32Array(machine.memory.bytes.buffer, machine.dataHost, DATA_BYTES / 4);
    let hash = 0;
    for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
    if (hash >>> 0 !== Number(u64(ANSWER.hash))) {
      const mine = machine.memory.bytes.subarray(
        machine.dataHost + WINDOW_START,
        machine.dataHost + WINDOW_START + WINDOW_BYTES,
      );
      for (let index = 0; index < WINDOW_BYTES; index++) {
        const host = answer.getUint8(ANSWER.window + index);
        if (mine[index] !== host) {
          differ(`window[${index}]`, mine[index]!, host);
          break;
        }
      }
      found.push('memory differs');
    }
  }
  return found;
}
