import { DMA_REGISTER } from '../../impl/dma/dma-device.ts';
import { highWord, lowWord } from '../../units/word.ts';
import { transferOf } from '../dma-vocabulary.ts';
import type { BlockKind } from './block-kind.ts';
import { Reg } from './code-writer.ts';

/** Blocks about devices of the subject. */
export const DMA_BLOCKS: readonly BlockKind[] = [
  {
    id: 'dma',
    meaning: 'a transfer of a device of the subject, mostly inside of its domain',
    weight: 12,
    traps: false,
    isForDevices: true,
    emit(code, { words, is64Bit }, rng) {
      const transfer = transferOf(words.dma, rng.next(), rng.next());
      if (transfer === undefined || (!is64Bit && transfer.registers >= 2 ** 32)) return false;
      const { registers, from, to, sizeBytes, command, interrupt } = transfer;
      code.set(Reg.bx, registers);
      code.store32(DMA_REGISTER.source, lowWord(from)).store32(DMA_REGISTER.source + 4, highWord(from));
      code.store32(DMA_REGISTER.destination, lowWord(to)).store32(DMA_REGISTER.destination + 4, highWord(to));
      code.store32(DMA_REGISTER.interrupt, interrupt).store32(DMA_REGISTER.length, sizeBytes);
      code.store32(DMA_REGISTER.command, command);
      return true;
    },
  },
];
