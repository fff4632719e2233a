import { invariant } from '../src/units/invariant.ts';
import { type Benchmark, measurement, medianOf, perSecond } from './benchmark.ts';
import { guestRom, runGuest, runOnBochs } from './guest-machine.ts';

const ITERATIONS = 2_000_000;
/** Long enough that starting Bochs does not matter, short enough to wait for. */
const BOCHS_ITERATIONS = 40_000_000;

const loopRom = (iterations: number): Uint8Array =>
  guestRom('x86-loop', new Uint8Array(Uint32Array.of(iterations).buffer));

/** Guest MIPS of Bochs on the same loop: its start-up is measured by a run without iterations and taken off. */
function bochsRate(instructionsPerIteration: number): number | undefined {
  const short = runOnBochs(loopRom(1));
  const long = runOnBochs(loopRom(BOCHS_ITERATIONS));
  if (short === undefined || long === undefined) return undefined;
  return (BOCHS_ITERATIONS * instructionsPerIteration) / Math.max(0.01, long.seconds - short.seconds) / 1e6;
}

/** The 64-bit loop of src/guests/x86-loop.asm, booted from reset on the interpreter. */
export const x86Interpreter: Benchmark = {
  id: 'x86-interpreter',
  title: 'Guest instructions of a 64-bit loop (loads, stores, shifts, branches) in the WebAssembly interpreter',
  unit: 'MIPS',
  run() {
    const rom = loopRom(ITERATIONS);
    let perIteration = 0;
    const value = medianOf(5, () => {
      let instructions = 0;
      const rate = perSecond(() => {
        ({ instructions } = runGuest(rom));
        return instructions;
      });
      perIteration = instructions / ITERATIONS;
      return rate / 1e6;
    });
    const same = runOnBochs(rom);
    invariant(same === undefined || same.text === runGuest(rom).text, 'Bochs computes the same checksum');
    const bochs = bochsRate(perIteration);
    return measurement(value, bochs === undefined ? {} : { bochs });
  },
};
