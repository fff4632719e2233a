import { PhysicalMemory } from '../../src/impl/memory.ts';
import { CodeMode } from '../../src/impl/x86/code-mode.ts';
import { decodeImage } from '../../src/impl/x86/decode-image.ts';
import { Decoder, DecodeStatus, newInstruction } from '../../src/impl/x86/decoder.ts';
import { interpreterModule } from '../../src/impl/x86/interpreter-module.ts';
import { RECORD_BYTES } from '../../src/impl/x86/record-layout.ts';
import { writeRecord } from '../../src/impl/x86/record-writer.ts';
import { type DecodeRun, decoderOf, RUN_ENDED } from '../../src/impl/x86/wasm-decoder.ts';
import { PAGE_SIZE_BYTES } from '../../src/units/address.ts';

/** The decoder that runs on the WebAssembly.Memory against the one in TypeScript: same records, or left to it. */
export class DecoderComparison {
  readonly #memory = new PhysicalMemory();
  readonly #tables: number;
  readonly #page: number;
  readonly #records: number;
  readonly #run: DecodeRun;
  readonly #decoder = new Decoder();
  readonly #instruction = newInstruction();
  equal = 0;
  left = 0;

  constructor() {
    const image = decodeImage(interpreterModule());
    this.#tables = this.#memory.reserve(Math.ceil(image.length / PAGE_SIZE_BYTES)) * PAGE_SIZE_BYTES;
    this.#page = this.#memory.reserve(1) * PAGE_SIZE_BYTES;
    this.#records = this.#memory.reserve(1) * PAGE_SIZE_BYTES;
    this.#memory.bytes.set(image, this.#tables);
    this.#run = decoderOf(this.#memory);
  }

  /** A difference on the instruction of these bytes in 64-bit mode, undefined if there is none. */
  compare(code: Uint8Array, offset: number): string | undefined {
    const { bytes, words } = this.#memory;
    const at = this.#page + offset;
    bytes.set(code, at);
    const last = this.#records + RECORD_BYTES;
    const result = this.#run(at, at + 1, this.#records, last, this.#tables, this.#page);
    const status = this.#decoder.decode(bytes, at, at + code.length, CodeMode.bits64, this.#instruction);
    if (result === this.#records) {
      this.left += 1;
      return undefined;
    }
    if ((result & ~RUN_ENDED) !== last) return `ends at ${result - this.#records}`;
    if (status !== DecodeStatus.ok) return `decodes what is invalid (${status})`;
    writeRecord(words, last, interpreterModule(), this.#instruction, this.#page, offset);
    for (let word = 0; word < RECORD_BYTES / 4; word++) {
      const mine = words[(this.#records >>> 2) + word]!;
      const other = words[(last >>> 2) + word]!;
      if (mine !== other) return `word ${word}: ${mine.toString(16)}, should be ${other.toString(16)}`;
    }
    this.equal += 1;
    return undefined;
  }
}
