/** The kernel does not return to a subject on this CPU: the machine was reset or switched off, or the CPU stops for ever. */
export class KernelHalt extends Error {
  constructor() {
    super('the kernel does not return');
  }
}
