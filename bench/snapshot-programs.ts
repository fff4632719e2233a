import { PhysicalMemory } from '../src/impl/memory.ts';
import { CodeMode } from '../src/impl/x86/code-mode.ts';
import { encode } from '../src/impl/x86/encoder.ts';
import { Size } from '../src/impl/x86/instruction.ts';
import { Interpreter } from '../src/impl/x86/interpreter.ts';
import { ARITHMETIC_ROWS } from '../src/impl/x86/rows-arithmetic.ts';
import { BIT_ROWS } from '../src/impl/x86/rows-bits.ts';
import { MOVE_ROWS } from '../src/impl/x86/rows-move.ts';
import { Cr0, Cr4, Efer, Field, Gpr, Rights, Seg } from '../src/impl/x86/state-layout.ts';
import { INSTRUCTIONS } from '../src/impl/x86/table.ts';
import { X86Processor } from '../src/impl/x86/x86-processor.ts';
import { frameNumber, hpa } from '../src/units/address.ts';
import { invariant } from '../src/units/invariant.ts';
import { createRng, type Rng } from '../src/units/rng.ts';
import { type Benchmark, measurement, medianOf, perSecond } from './benchmark.ts';

const PROGRAM_INSTRUCTIONS = 100;
const PROGRAMS = 4000;
/** Rounds over the programs before measuring: until the engine has compiled the handlers in use with its optimising compiler. */
const WARM_UP_ROUNDS = 40;
const PML4 = 0x1000;
const CODE = 0x10_0000;
const DATA = 0x20_0000;

/** Rows without control flow, faults of their own, and use of the stack: any sequence of them runs to its end. */
const STRAIGHT =
  /^(add|or|adc|sbb|and|sub|xor|cmp|test|inc|dec|neg|not|imul|mul|mov|movzx|movsx|movsxd|lea|xchg|xadd|cmov\w+|set\w+|shl|shr|sar|rol|ror|rcl|rcr|shld|shrd|bsf|bsr|tzcnt|lzcnt|popcnt|bswap|andn|bls\w+|bextr|bzhi|shlx|shrx|sarx|rorx|adcx|adox|mulx|crc32|bt|bts|btr|btc)$/;
const straightCount = ARITHMETIC_ROWS.length + MOVE_ROWS.length + BIT_ROWS.length;
const ROWS = INSTRUCTIONS.slice(0, straightCount).filter(
  row =>
    STRAIGHT.test(String(row.mnemonic)) &&
    row.modes !== '32' &&
    !row.operands.some(({ kind }) => 'OSCD'.includes(kind)) &&
    !(/^bt/.test(String(row.mnemonic)) && row.operandText === 'Ev,Gv'),
);
/** Registers that programs use: not RSP, and not RBX, which points to the data. */
const REGISTERS = [0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/** A program of exactly 100 instructions. */
function randomProgram(rng: Rng): Uint8Array {
  const bytes: number[] = [];
  const register = (): number => REGISTERS[rng.below(REGISTERS.length)]!;
  let count = 0;
  while (count < PROGRAM_INSTRUCTIONS) {
    const row = ROWS[rng.below(ROWS.length)]!;
    const isMemory = row.form === 'mem' || (row.hasModrm && row.form === 'any' && rng.below(3) === 0);
    const isInOpcode = row.operands.some(({ kind }) => kind === 'Z');
    const rm = isInOpcode ? (row.opcode & 7) | 8 : register();
    const memory = { base: Gpr.rbx, index: -1, scale: 0, displacement: rng.below(0xf00) };
    const code = encode({
      row,
      mode: CodeMode.bits64,
      operandSize: [Size.word, Size.dword, Size.qword][rng.below(3)]!,
      addressSize: Size.qword,
      reg: register(),
      rm,
      vvvv: register(),
      immediate: BigInt(rng.next()),
      forcesRex: true,
      ...(isMemory ? { memory } : {}),
    });
    if (code === undefined) continue;
    bytes.push(...code);
    count += 1;
  }
  return Uint8Array.from(bytes);
}

/** A 64-bit kernel context with the first 2 MiB-pages mapped one to one. */
function longModeProcessor(memory: PhysicalMemory): X86Processor {
  const cpu = new X86Processor(memory);
  const put = (address: number, value: number): void => memory.writePair(hpa(address), value, 0);
  put(PML4, 0x2063);
  put(0x2000, 0x3063);
  for (let page = 0; page < 8; page++) put(0x3000 + page * 8, (page * 0x20_0000 + 0xe3) >>> 0);
  const { state } = cpu;
  for (const segment of [Seg.es, Seg.ss, Seg.ds, Seg.fs, Seg.gs])
    state.setSegment(segment, 16, 0n, 0xffff_ffff, 0xc093);
  state.setSegment(Seg.cs, 8, 0n, 0xffff_ffff, 0x809b | Rights.long);
  state.setU64(Field.cr0, BigInt((Cr0.pg | Cr0.wp | Cr0.pe | Cr0.ne | Cr0.et) >>> 0));
  state.setU64(Field.cr3, BigInt(PML4));
  state.setU64(Field.cr4, BigInt(Cr4.pae));
  state.setU64(Field.efer, BigInt(Efer.lme | Efer.lma));
  state.setGpr(Gpr.rbx, BigInt(DATA));
  state.setGpr(Gpr.rsp, BigInt(DATA + 0x10_0000));
  state.rip = BigInt(CODE);
  cpu.updateContext();
  return cpu;
}

/**
 * Random straight programs, each different from the one before, each started from one snapshot: reset, load, decode, run.
 *
 * The figure is that of a campaign under way; its first second is slower, as the engine is still compiling.
 */
export const snapshotPrograms: Benchmark = {
  id: 'snapshot-programs',
  title: 'Random programs of 100 instructions run from a snapshot, reset and decoding included, on one core once warm',
  unit: 'programs/s',
  run() {
    const rng = createRng(1);
    const programs = Array.from({ length: PROGRAMS }, () => randomProgram(rng));
    const memory = new PhysicalMemory();
    const cpu = longModeProcessor(memory);
    Interpreter.attach(cpu);
    memory.slotOf(frameNumber(CODE >>> 12));
    memory.slotOf(frameNumber(DATA >>> 12));
    const saved = cpu.save();
    const snapshot = memory.snapshot();
    const round = (): number => {
      for (const program of programs) {
        memory.restore(snapshot);
        cpu.load(saved);
        memory.writeBytes(hpa(CODE), program);
        const { executed, reason } = cpu.run(PROGRAM_INSTRUCTIONS);
        invariant(executed === PROGRAM_INSTRUCTIONS && reason === 'budget', 'a program runs to its end');
      }
      return PROGRAMS;
    };
    for (let count = 0; count < WARM_UP_ROUNDS; count++) round();
    const value = medianOf(9, () => perSecond(round));
    invariant(cpu.state.rip > BigInt(CODE + PROGRAM_INSTRUCTIONS), 'the last program ran without a fault');
    return measurement(value, {});
  },
};
