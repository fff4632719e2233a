import { STATE_FIELDS } from '../decode-operation.ts';
import { type BlockKind, pick, value32 } from './block-kind.ts';
import { Reg } from './code-writer.ts';

/** Bytes of a state page that the kernel gives a meaning to. */
const STATE_BYTES = 0x200;

/** What subjects do that may write state of others or of the kernel. */
export const MONITOR_BLOCKS: readonly BlockKind[] = [
  {
    id: 'monitored-state',
    meaning: 'a field of the state of a subject that it monitors, then the handover to it',
    weight: 6,
    traps: true,
    emit(code, { words, vmcalls }, rng) {
      const page = pick(
        rng,
        words.writableWindows.filter(({ purpose }) => purpose === 'state'),
      );
      if (page === undefined) return false;
      const field = pick(rng, STATE_FIELDS)!;
      const isField = rng.below(2) === 0;
      const offset = isField ? field.offset : 4 * rng.below(STATE_BYTES / 4);
      const value = pick(rng, rng.below(2) === 0 ? field.accepted : field.refused)!;
      code.set(Reg.bx, page.address + offset).set(Reg.ax, isField ? value : value32(rng));
      code.access(Reg.bx, 4, true);
      const handover = pick(
        rng,
        vmcalls.filter(({ mode }) => mode === 'switch'),
      );
      if (handover !== undefined) code.set(Reg.ax, handover.number).emit(0x0f, 0x01, 0xc1);
      return true;
    },
  },
  {
    id: 'major-frame',
    meaning: 'the major frame that it asks the kernel for',
    weight: 4,
    traps: true,
    emit(code, { words }, rng) {
      const page = pick(
        rng,
        words.writableWindows.filter(({ purpose }) => purpose === 'interface'),
      );
      if (page === undefined) return false;
      code.set(Reg.bx, page.address).set(Reg.ax, rng.below(4)).access(Reg.bx, 4, true);
      return true;
    },
  },
];
