/** The part of the WebAssembly JavaScript API that the implementation uses (the DOM library is not loaded). */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  type ImportValue = Memory | ((...values: never[]) => unknown);
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, ImportValue>>>>);
    readonly exports: Readonly<Record<string, (...values: number[]) => number>>;
  }
}
