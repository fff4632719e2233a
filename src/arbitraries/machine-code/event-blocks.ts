import { type BlockKind, pick, place } from './block-kind.ts';
import { Reg } from './code-writer.ts';

/** Calls, interrupts and time. */
export const EVENT_BLOCKS: readonly BlockKind[] = [
  {
    id: 'vmcall',
    meaning: 'a declared event',
    weight: 8,
    traps: false,
    emit(code, vocabulary, rng) {
      const call = pick(rng, vocabulary.vmcalls);
      if (call === undefined) return false;
      code.set(Reg.ax, call.number).emit(0x0f, 0x01, 0xc1);
      return true;
    },
  },
  {
    id: 'undeclared',
    meaning: 'a call of an event that does not exist, beyond 63 and beyond 32 bits too',
    weight: 4,
    traps: false,
    emit(code, { words }, rng) {
      const choice = rng.below(3);
      const declared = words.vmcalls[0]?.number ?? 0;
      if (choice === 0) code.set(Reg.ax, pick(rng, words.undeclared) ?? 64);
      else if (choice === 1) code.set(Reg.ax, 64 + rng.below(4096));
      else code.setHalves(Reg.ax, code.is64Bit ? declared : 0xffff_ffc0 | declared, 1 + rng.below(0xffff));
      code.emit(0x0f, 0x01, 0xc1);
      return true;
    },
  },
  {
    id: 'interrupts',
    meaning: 'STI, CLI, and waiting for an interrupt',
    weight: 3,
    traps: false,
    emit(code, { words }, rng) {
      const waits = !words.haltExits && rng.below(3) === 0;
      code.emit(...(waits ? [0xfb, 0xf4] : rng.below(3) === 0 ? [0xfa] : [0xfb]));
      return true;
    },
  },
  {
    id: 'timed-event',
    meaning: 'its timed event: the page that names trigger and event',
    weight: 4,
    traps: false,
    emit(code, { vmcalls }, rng) {
      const event = pick(rng, vmcalls);
      if (!code.is64Bit || event === undefined) return false;
      const trigger = rng.below(4) === 0 ? 0 : 0x10_0000 + rng.below(2 ** (16 + rng.below(9)));
      code.set(Reg.bx, 0xe_0001_0000).set(Reg.ax, event.number);
      code.emit(0x48, 0x89, 0x43, 0x08).set(Reg.ax, trigger).emit(0x48, 0x89, 0x03);
      return true;
    },
  },
  {
    id: 'wait',
    meaning: 'a loop that takes time',
    weight: 4,
    traps: false,
    emit(code, _vocabulary, rng) {
      code.set(Reg.cx, 1 + rng.below(rng.below(4) === 0 ? 4096 : 64)).emit(0xe2, 0xfe);
      return true;
    },
  },
  {
    id: 'time',
    meaning: 'how long something takes, by the time-stamp counter, written to its memory',
    weight: 3,
    traps: true,
    emit(code, vocabulary, rng) {
      const address = place(vocabulary, rng, true, false);
      if (address === undefined) return false;
      // RDTSC; MOV ESI, EAX; a loop; RDTSC; SUB EAX, ESI.
      code.emit(0x0f, 0x31, 0x89, 0xc6).set(Reg.cx, 1 + rng.below(64));
      code.emit(0xf3, 0x90, 0xe2, 0xfc, 0x0f, 0x31, 0x29, 0xf0);
      code.set(Reg.bx, address).access(Reg.bx, 4, true);
      return true;
    },
  },
];
