import type { SourcePosition } from './document.ts';
import { type Finding, findingAt, type Severity } from './finding.ts';

/** Most findings that one reading or one rule reports; the rest is counted. */
export const FINDING_LIMIT = 200;

/** Collects findings up to a limit; `all` ends with a notice when more were found. */
export class FindingList {
  readonly #findings: Finding[] = [];
  readonly #limit: number;
  readonly #moreCode: string;
  #omitted = 0;
  #errors = 0;

  constructor(moreCode: string, limit = FINDING_LIMIT) {
    this.#moreCode = moreCode;
    this.#limit = limit;
  }

  add(code: string, severity: Severity, at: SourcePosition, message: string, hint: string): void {
    if (severity === 'error') this.#errors += 1;
    if (this.#findings.length >= this.#limit) this.#omitted += 1;
    else this.#findings.push(findingAt(at, code, severity, message, hint));
  }

  /** Number of errors, the omitted ones included. */
  get errorCount(): number {
    return this.#errors;
  }

  all(): Finding[] {
    if (this.#omitted === 0) return [...this.#findings];
    const message = `${this.#omitted} more of this kind are not shown (the first ${this.#limit} are)`;
    const hint = 'Correct the ones shown and run again.';
    return [...this.#findings, { code: this.#moreCode, severity: 'notice', message, line: 0, column: 0, hint }];
  }
}
