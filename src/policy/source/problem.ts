import { err, ok, type Result } from '../../units/result.ts';
import type { SourcePosition } from '../document.ts';
import { type Finding, findingAt } from '../finding.ts';
import { FindingList } from '../finding-list.ts';

/** What each code of a finding about a source policy means; `explain` shows it. */
export const SOURCE_CODES = {
  'SRC-FILE': 'A file that the policy needs is missing or cannot be read.',
  'SRC-ESCAPE': 'A file name leads out of the directories that the policy may read.',
  'SRC-INCLUDE-CYCLE': 'A file includes itself, directly or through others.',
  'SRC-INCLUDE': 'An include names no file, or stands where nothing can be included.',
  'SRC-LIMIT': 'The policy grows beyond what any real system needs while it is put together.',
  'SRC-ROOT': 'A file has another root element than its place in the policy needs.',
  'SRC-PARTS': 'The hardware or platform description is not given, so what it defines is unknown.',
  'SRC-CONFIG': 'A configuration value is missing, defined twice or no value of its type.',
  'SRC-EXPRESSION': 'An expression cannot be evaluated: wrong operator, wrong type, or a cycle.',
  'SRC-VARIABLE': 'A reference names a configuration variable or expression that does not exist.',
  'SRC-CONDITION': 'An <if> or <case> cannot be decided.',
  'SRC-TEMPLATE': 'A template is used or defined wrongly, or uses itself.',
  'SRC-AMEND': 'An <amend> does not select exactly one element, or cannot be inserted there.',
  'SRC-XPATH': 'The path of an <amend> is not one that is supported.',
  'SRC-COMPONENT': 'A component or library specification is missing, given twice, or not one.',
  'SRC-BINARY': 'The binary of a component is not given; its size is taken from the specification or assumed.',
  'SRC-GENERATED': 'A file that the build of a component generates is not given; it is made of the policy.',
  'SRC-RESOURCE': 'A virtual address, vector or event id cannot be allocated.',
  'SRC-ERA': 'The policy is written in an older schema and was brought to that of late 2024.',
} as const;

export type SourceCode = keyof typeof SOURCE_CODES;

/** Leaves a stage, or a part of it, at an error of its input; caught by `attempt` and `ProblemList` only. */
export class SourceProblem extends Error {
  readonly findings: readonly Finding[];
  constructor(findings: readonly Finding[]) {
    super(findings[0]?.message);
    this.findings = findings;
  }
}

/** Ends the stage with an error at a place of the input. */
export function refuse(place: { readonly at: SourcePosition }, code: SourceCode, message: string, hint: string): never {
  throw new SourceProblem([findingAt(place.at, code, 'error', message, hint)]);
}

/** Ends the stage with an error about a file as a whole. */
export function refuseFile(file: string, code: SourceCode, message: string, hint: string): never {
  throw new SourceProblem([{ code, severity: 'error', message, line: 0, column: 0, hint, file }]);
}

/** Gathers what several parts of a stage refuse, so that the user hears of all of it at once. */
export class ProblemList {
  readonly #findings = new FindingList('POL-MORE');
  readonly #seen = new Set<string>();

  /** Does a part of the stage. @returns its value, or undefined after noting why it has none. A limit ends the stage. */
  attempt<T>(part: () => T): T | undefined {
    try {
      return part();
    } catch (problem) {
      if (!(problem instanceof SourceProblem)) throw problem;
      this.note(problem.findings);
      if (problem.findings.some(({ code }) => code === 'SRC-LIMIT')) this.end();
      return undefined;
    }
  }

  /** Notes errors; the same one at the same place once. */
  note(findings: readonly Finding[]): void {
    for (const finding of findings) {
      const { code, severity, message, hint, file, line, column } = finding;
      const key = `${file}:${line}:${column} ${code} ${message}`;
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      this.#findings.add(code, severity, file === undefined ? { line, column } : { file, line, column }, message, hint);
    }
  }

  /** True when a problem with one of the codes was noted. */
  has(codes: ReadonlySet<string>): boolean {
    return this.#findings.all().some(({ code }) => codes.has(code));
  }

  /** Ends the stage with everything that was noted, if anything was. */
  end(): void {
    if (this.#findings.errorCount > 0) throw new SourceProblem(this.#findings.all());
  }
}

/** Runs a stage; what it refuses becomes the error of the result. */
export function attempt<T>(stage: () => T): Result<T, Finding[]> {
  try {
    return ok(stage());
  } catch (problem) {
    if (problem instanceof SourceProblem) return err([...problem.findings]);
    throw problem;
  }
}

/** A text of the input as messages show it. */
export const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
