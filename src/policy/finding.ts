/** How much a finding matters: an error makes the policy invalid, a warning and a notice are shown. */
export type Severity = 'error' | 'warning' | 'notice';

/** Something a user should know about a file, with the place and the next thing to do. */
export interface Finding {
  /** Stable code, `<AREA>-<NAME>`, for example `XML-DOCTYPE`. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** 1-based; 0 when the finding is about the file as a whole. */
  readonly line: number;
  readonly column: number;
  readonly hint: string;
}
