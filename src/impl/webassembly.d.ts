/** The part of the WebAssembly JavaScript API that the implementation uses (the DOM library is not loaded). */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
}
