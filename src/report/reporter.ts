import type { Paint } from '../units/paint.ts';
import type { ReportInput } from './check-report.ts';

/** One output format of `check`. */
export interface Reporter {
  /** Name as `--reporter` takes it. */
  readonly name: string;
  readonly description: string;
  /** Renders the whole report; only the text reporter uses `paint`. */
  render(input: ReportInput, paint: Paint): string;
}
