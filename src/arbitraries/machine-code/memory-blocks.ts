import { type BlockKind, pick, place, value32 } from './block-kind.ts';
import { Reg } from './code-writer.ts';

const SIZES = [1, 2, 4, 8] as const;

const access =
  (isWrite: boolean, mayProbe: boolean): BlockKind['emit'] =>
  (code, vocabulary, rng) => {
    const address = place(vocabulary, rng, isWrite, mayProbe);
    if (address === undefined) return false;
    if (isWrite) code.setHalves(Reg.ax, value32(rng), value32(rng));
    code.set(Reg.bx, address).access(Reg.bx, pick(rng, SIZES)!, isWrite);
    return true;
  };

/** Accesses to memory: inside of what is mapped, near its borders, and of code. */
export const MEMORY_BLOCKS: readonly BlockKind[] = [
  { id: 'read', meaning: 'a read of its memory', weight: 6, traps: false, emit: access(false, false) },
  { id: 'write', meaning: 'a write of its memory', weight: 8, traps: false, emit: access(true, false) },
  {
    id: 'probe-read',
    meaning: 'a read near the border of a region',
    weight: 5,
    traps: true,
    emit: access(false, true),
  },
  {
    id: 'probe-write',
    meaning: 'a write near the border of a region',
    weight: 6,
    traps: true,
    emit: access(true, true),
  },
  {
    id: 'probe-execute',
    meaning: 'a jump or call to memory that need not hold code',
    weight: 4,
    traps: true,
    emit(code, vocabulary, rng) {
      const address = place(vocabulary, rng, false, true);
      if (address === undefined) return false;
      code.set(Reg.bx, address).emit(0xff, rng.below(2) === 0 ? 0xe3 : 0xd3);
      return true;
    },
  },
  {
    id: 'fill',
    meaning: 'a string store of some bytes in its memory',
    weight: 3,
    traps: false,
    emit(code, vocabulary, rng) {
      const window = pick(
        rng,
        vocabulary.words.writableWindows.filter(({ purpose }) => purpose === 'memory'),
      );
      if (window === undefined) return false;
      code.set(Reg.di, window.address).set(Reg.cx, 1 + rng.below(Math.min(64, window.sizeBytes)));
      code.set(Reg.ax, value32(rng)).emit(0xfc, 0xf3, 0xaa);
      return true;
    },
  },
  {
    id: 'self-modify',
    meaning: 'code that is written, run, changed and run again',
    weight: 4,
    traps: false,
    emit(code, { scratch }, rng) {
      const room = pick(rng, scratch);
      if (room === undefined) return false;
      const address = room.address + rng.below(Math.min(room.sizeBytes - 16, 0x400));
      // INC or DEC of EAX's low byte, then RET: FE C0 C3 or FE C8 C3.
      const write = (second: number): void => {
        code
          .set(Reg.bx, address)
          .set(Reg.ax, (0xc3_00fe | (second << 8)) >>> 0)
          .access(Reg.bx, 4, true);
        code.emit(0xff, 0xd3);
      };
      write(0xc0);
      write(0xc8);
      return true;
    },
  },
];
