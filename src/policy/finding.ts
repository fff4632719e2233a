import type { SourcePosition } from './document.ts';

/** How much a finding matters: an error makes the policy invalid, a warning and a notice are shown. */
export type Severity = 'error' | 'warning' | 'notice';

/** A place as messages show it. */
export const placeOf = ({ at: { file, line } }: { readonly at: SourcePosition }): string =>
  file === undefined ? `line ${line}` : `${file}:${line}`;

/** Makes a finding of a place. */
export function findingAt(
  { line, column, file }: SourcePosition,
  code: string,
  severity: Severity,
  message: string,
  hint: string,
): Finding {
  const finding = { code, severity, message, line, column, hint };
  return file === undefined ? finding : { ...finding, file };
}

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
  /** Path of the file that `line` counts in, given when the policy was put together from several. */
  readonly file?: string;
}
