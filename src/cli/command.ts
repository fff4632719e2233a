import type { Paint } from '../units/paint.ts';
import type { Catalogue } from './catalogue.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Interrupt } from './interrupt.ts';
import type { Arguments, OptionSpec } from './options.ts';

/** The outside world as a command sees it. */
export interface Environment {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Data. */
  readonly stdout: (text: string) => void;
  /** Progress and prose. */
  readonly stderr: (text: string) => void;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  readonly columns: number;
  readonly paint: Paint;
  readonly interrupt: Interrupt;
  /** URL of the module that exports the catalogue, for workers. */
  readonly catalogueUrl: string;
  readonly loadCatalogue: () => Promise<Catalogue>;
}

/** One command of the command line. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Positional arguments as the usage line shows them. */
  readonly operands: string;
  readonly minOperands: number;
  readonly maxOperands: number;
  readonly options: readonly OptionSpec[];
  /** Two ready command lines, without the program name. */
  readonly examples: readonly [string, string];
  run(args: Arguments, environment: Environment): Promise<ExitCode>;
}
