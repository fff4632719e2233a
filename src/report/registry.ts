import { githubReporter } from './github.ts';
import { htmlReporter } from './html.ts';
import { jsonReporter } from './json.ts';
import { junitReporter } from './junit.ts';
import type { Reporter } from './reporter.ts';
import { sarifReporter } from './sarif.ts';
import { textReporter } from './text.ts';

/** Every reporter that `--reporter` takes. */
export const REPORTERS: readonly Reporter[] = [
  textReporter,
  jsonReporter,
  junitReporter,
  sarifReporter,
  githubReporter,
  htmlReporter,
];
