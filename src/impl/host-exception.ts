/** An exception that the processor raises while the kernel runs (VMX root mode); the kernel's handler ends in a crash audit. */
export class HostException extends Error {
  readonly vector: number;
  readonly errorCode: number;

  constructor(vector: number, message: string, errorCode = 0) {
    super(message);
    this.vector = vector;
    this.errorCode = errorCode;
  }
}
