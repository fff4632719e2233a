import { describe, expect, it } from 'vitest';
import { FRAME_WORDS, MAX_FRAMES, PhysicalMemory } from '../../src/impl/memory.ts';
import { type FrameNumber, hpa } from '../../src/units/address.ts';
import { formatDigest } from '../../src/units/digest.ts';

const frame = (number: number): FrameNumber => number as FrameNumber;
const digest = (memory: PhysicalMemory): string => formatDigest(memory.digest());

/** Writes one word of a frame. */
const put = (memory: PhysicalMemory, number: number, word: number, value: number): void =>
  memory.writeWord(memory.slotOf(frame(number)), word, value);
const get = (memory: PhysicalMemory, number: number, word: number): number =>
  memory.readWord(memory.slotOf(frame(number)), word);

describe('physical memory', () => {
  it('reads untouched frames as zero and materialises them only when they are written', () => {
    const memory = new PhysicalMemory();
    expect(memory.readWordAt(hpa(0x12_3456_7890 & ~3))).toBe(0);
    expect(memory.frameCount).toBe(0);
    expect(memory.findSlot(frame(7))).toBe(-1);
    const slot = memory.slotOf(frame(7));
    expect(memory.findSlot(frame(7))).toBe(slot);
    expect(memory.frameOfSlot(slot)).toBe(7);
    expect(memory.frameCount).toBe(1);
  });

  it('is little endian, and writes across frames', () => {
    const memory = new PhysicalMemory();
    memory.writeBytes(hpa(0x1ffe), Uint8Array.of(1, 2, 3, 4));
    expect(get(memory, 1, FRAME_WORDS - 1)).toBe(0x0201_0000);
    expect(get(memory, 2, 0)).toBe(0x0403);
    memory.writePair(hpa(0x2008), 0xffff_ffff, 1);
    expect(memory.readWordAt(hpa(0x2008))).toBe(0xffff_ffff);
    expect(memory.readWordAt(hpa(0x200c))).toBe(1);
    expect(memory.readByte(memory.slotOf(frame(2)), 0x0c)).toBe(1);
  });

  it('keeps slots and content while it grows', () => {
    const memory = new PhysicalMemory();
    const slots = Array.from({ length: 3000 }, (_, index) => {
      put(memory, 1000 + index, 5, index);
      return memory.slotOf(frame(1000 + index));
    });
    expect(new Set(slots).size).toBe(3000);
    slots.forEach((slot, index) => {
      expect(memory.slotOf(frame(1000 + index))).toBe(slot);
      expect(get(memory, 1000 + index, 5)).toBe(index);
    });
  });

  it('has a limit, which is an error and not a crash of the host', () => {
    expect(MAX_FRAMES * FRAME_WORDS * 4).toBe(2 ** 30);
    const memory = new PhysicalMemory();
    const fill = (): void => {
      for (let number = 0; number <= MAX_FRAMES; number++) memory.slotOf(frame(number));
    };
    expect(fill).toThrow(/frames touched/);
    expect(memory.frameCount).toBe(MAX_FRAMES);
  });
});

describe('snapshots', () => {
  it('roll back to the content at the snapshot, as often as wanted', () => {
    const memory = new PhysicalMemory();
    put(memory, 1, 0, 10);
    const point = memory.snapshot();
    for (const value of [20, 30]) {
      put(memory, 1, 0, value);
      put(memory, 2, 3, value);
      memory.restore(point);
      expect(get(memory, 1, 0)).toBe(10);
      expect(get(memory, 2, 3)).toBe(0);
    }
  });

  it('nest: an inner one rolls back to itself, an outer one over it', () => {
    const memory = new PhysicalMemory();
    put(memory, 1, 0, 1);
    const outer = memory.snapshot();
    put(memory, 1, 0, 2);
    put(memory, 2, 0, 2);
    const inner = memory.snapshot();
    put(memory, 1, 0, 3);
    put(memory, 3, 0, 3);
    memory.restore(inner);
    expect([1, 2, 3].map(number => get(memory, number, 0))).toEqual([2, 2, 0]);
    put(memory, 2, 0, 4);
    memory.restore(outer);
    expect([1, 2, 3].map(number => get(memory, number, 0))).toEqual([1, 0, 0]);
    expect(() => memory.restore(inner)).toThrow(/snapshot/);
  });

  it('know the frames that changed since the latest one', () => {
    const memory = new PhysicalMemory();
    put(memory, 1, 0, 1);
    memory.snapshot();
    put(memory, 2, 0, 1);
    put(memory, 2, 1, 1);
    memory.fillWords(memory.slotOf(frame(3)), 0, 4, 7);
    expect(memory.changedSlots().map(slot => memory.frameOfSlot(slot))).toEqual([2, 3]);
  });

  it('restore also what byte, block and direct writes changed', () => {
    const memory = new PhysicalMemory();
    const slot = memory.slotOf(frame(1));
    const point = memory.snapshot();
    const before = digest(memory);
    memory.writeByte(slot, 9, 1);
    memory.writeBytes(hpa(0x1100), Uint8Array.of(5));
    memory.fillWords(slot, 900, 10, 3);
    memory.touch(slot);
    memory.words[slot * FRAME_WORDS + 700] = 4;
    expect(digest(memory)).not.toBe(before);
    memory.restore(point);
    expect(memory.words.subarray(slot * FRAME_WORDS, (slot + 1) * FRAME_WORDS).every(word => word === 0)).toBe(true);
    expect(digest(memory)).toBe(before);
  });
});

describe('step footprint', () => {
  const touched = (memory: PhysicalMemory): number[] =>
    Array.from({ length: memory.touchedCount }, (_, index) => memory.frameOfSlot(memory.touchedSlot(index)));

  it('lists each frame written since the step began once, and no frame that was read', () => {
    const memory = new PhysicalMemory();
    put(memory, 1, 0, 1);
    memory.beginStep();
    expect(touched(memory)).toEqual([]);
    put(memory, 2, 0, 1);
    put(memory, 1, 1, 1);
    put(memory, 2, 1, 1);
    get(memory, 3, 0);
    expect(touched(memory)).toEqual([2, 1]);
    memory.beginStep();
    expect(touched(memory)).toEqual([]);
  });

  it('lists a frame that is written with the value it has', () => {
    const memory = new PhysicalMemory();
    put(memory, 1, 0, 5);
    memory.beginStep();
    put(memory, 1, 0, 5);
    expect(touched(memory)).toEqual([1]);
  });

  it('starts anew after a restore', () => {
    const memory = new PhysicalMemory();
    const point = memory.snapshot();
    put(memory, 1, 0, 5);
    memory.restore(point);
    expect(touched(memory)).toEqual([]);
    put(memory, 1, 0, 6);
    expect(touched(memory)).toEqual([1]);
    memory.restore(point);
    expect(get(memory, 1, 0)).toBe(0);
  });
});

describe('digest', () => {
  it('depends on content only: not on the order of writes, on materialised zero frames, or on history', () => {
    const forwards = new PhysicalMemory();
    const backwards = new PhysicalMemory();
    const numbers = [3, 70_000, 12, 0x1_0000_0001, 5];
    for (const number of numbers) put(forwards, number, 1, number % 1000);
    backwards.slotOf(frame(99));
    put(backwards, 98, 0, 1);
    digest(backwards);
    for (const number of [...numbers].reverse()) {
      put(backwards, number, 1, 77);
      digest(backwards);
      put(backwards, number, 1, number % 1000);
    }
    put(backwards, 98, 0, 0);
    expect(digest(backwards)).toBe(digest(forwards));
  });

  it('of untouched memory is that of memory written with zeros', () => {
    const memory = new PhysicalMemory();
    put(memory, 4, 4, 0);
    expect(digest(memory)).toBe(digest(new PhysicalMemory()));
  });

  it('tells apart a value, its place in a frame, and its frame', () => {
    const seen = new Set<string>();
    const cases: readonly (readonly [number, number, number])[] = [
      [1, 0, 1],
      [1, 0, 2],
      [1, 1, 1],
      [2, 0, 1],
      [0x1_0000_0001, 0, 1],
    ];
    for (const [number, word, value] of cases) {
      const memory = new PhysicalMemory();
      put(memory, number, word, value);
      seen.add(digest(memory));
    }
    expect(seen.size).toBe(cases.length);
  });

  it('after a restore is that of the contents, whether it was computed before, between or never', () => {
    for (const when of [0b000, 0b001, 0b010, 0b011, 0b100, 0b111]) {
      const memory = new PhysicalMemory();
      put(memory, 1, 0, 10);
      if ((when & 1) !== 0) memory.digest();
      const snapshot = memory.snapshot();
      for (let round = 0; round < 3; round++) {
        put(memory, 1, 0, 11 + round);
        put(memory, 2, 0, 20);
        if ((when & 2) !== 0) memory.digest();
        put(memory, 1, 1, 30);
        memory.restore(snapshot);
        if ((when & 4) !== 0) put(memory, 1, 2, 40);
        const plain = new PhysicalMemory();
        put(plain, 1, 0, 10);
        if ((when & 4) !== 0) put(plain, 1, 2, 40);
        expect(digest(memory), `${when} ${round}`).toBe(digest(plain));
      }
    }
  });

  it('tells apart two frames from the same frames swapped', () => {
    const left = new PhysicalMemory();
    const right = new PhysicalMemory();
    put(left, 1, 0, 10);
    put(left, 2, 0, 20);
    put(right, 1, 0, 20);
    put(right, 2, 0, 10);
    expect(digest(left)).not.toBe(digest(right));
  });
});
