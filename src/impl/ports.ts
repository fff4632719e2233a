/** What a write to a control register of the chipset does to the whole machine. */
export type PortEffect = 'none' | 'reset' | 'poweroff';

/** Control registers of the system board as the policy places them; -1 if it has none. */
export interface SystemBoard {
  /** Reset control register (port 0xcf9 on current chipsets): bit 2 resets, bits 1 and 3 say how far. */
  readonly resetPort: number;
  /** ACPI PM1a control register: SLP_EN together with this SLP_TYP powers off. */
  readonly powerPort: number;
  /** Value of the SLP_TYP field, in place. */
  readonly sleepType: number;
}

const RESET_CPU = 0x04;
const SLEEP_ENABLE = 0x2000;
const SLEEP_TYPE_BITS = 0x1c00;

/**
 * The I/O port space: every port is a byte latch that reads as what was written last, all ones at first, because no device
 * stands behind it. So whoever can reach the same port can communicate through it.
 */
export class Ports {
  readonly #board: SystemBoard;
  #bytes: ReadonlyMap<number, number> = new Map();

  constructor(board: SystemBoard) {
    this.#board = board;
  }

  read(port: number, sizeBytes: number): number {
    let value = 0;
    for (let offset = 0; offset < sizeBytes; offset++)
      value |= (this.#bytes.get((port + offset) & 0xffff) ?? 0xff) << (8 * offset);
    return value >>> 0;
  }

  write(port: number, sizeBytes: number, value: number): PortEffect {
    if (port < 0) return 'none';
    const bytes = new Map(this.#bytes);
    for (let offset = 0; offset < sizeBytes; offset++)
      bytes.set((port + offset) & 0xffff, (value >>> (8 * offset)) & 0xff);
    this.#bytes = bytes;
    return this.#effect(port, sizeBytes, value);
  }

  /** Contents as an immutable value, for snapshots. */
  get contents(): ReadonlyMap<number, number> {
    return this.#bytes;
  }

  set contents(bytes: ReadonlyMap<number, number>) {
    this.#bytes = bytes;
  }

  #effect(port: number, sizeBytes: number, value: number): PortEffect {
    const { resetPort, powerPort, sleepType } = this.#board;
    const resetByte = resetPort - port;
    if (resetPort >= 0 && resetByte >= 0 && resetByte < sizeBytes && ((value >>> (8 * resetByte)) & RESET_CPU) !== 0)
      return 'reset';
    const isPower = port === powerPort && sizeBytes >= 2;
    return isPower && (value & SLEEP_ENABLE) !== 0 && (value & SLEEP_TYPE_BITS) === sleepType ? 'poweroff' : 'none';
  }
}
