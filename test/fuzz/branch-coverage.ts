import { type InspectorNotification, type Profiler, Session } from 'node:inspector';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** One way that a decision in the source can go. */
interface Branch {
  /** Offset in the script that decides where it is listed. */
  readonly at: number;
  readonly what: string;
  readonly count: number;
}

/** Branches of one file. */
export interface FileCoverage {
  /** Path in the checkout. */
  readonly path: string;
  readonly total: number;
  readonly covered: number;
  /** Branches that never ran, with their line in the TypeScript file. */
  readonly uncovered: readonly { readonly line: number; readonly what: string }[];
}

/** Times that the code at an offset ran, by V8's block counters: those of the innermost range around it. */
class Counters {
  readonly #ranges: readonly Profiler.CoverageRange[];

  constructor({ functions }: Profiler.ScriptCoverage) {
    this.#ranges = functions.flatMap(({ ranges }) => ranges);
  }

  at(offset: number): number {
    let best: Profiler.CoverageRange | undefined;
    for (const range of this.#ranges) {
      if (range.startOffset > offset || range.endOffset <= offset) continue;
      const isInner = best === undefined || range.endOffset - range.startOffset <= best.endOffset - best.startOffset;
      if (isInner) best = range;
    }
    return best?.count ?? 0;
  }
}

const LOGICAL: readonly ts.SyntaxKind[] = [
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
];

/**
 * Branches of a script, with how often each was taken.
 *
 * Both ways of an `if` (without an `else` too) and of a conditional expression; the right operand of a logical operator evaluated
 * and left out; each clause of a `switch`. Loops, `catch`, optional chaining and default values are none.
 */
function branchesOf(file: ts.SourceFile, counters: Counters): readonly Branch[] {
  const found: Branch[] = [];
  const start = (node: ts.Node): number => node.getStart(file);
  const add = (node: ts.Node, what: string, count: number): void =>
    void found.push({ at: start(node), what, count: Math.max(0, count) });
  const visit = (node: ts.Node): void => {
    if (ts.isIfStatement(node)) {
      const taken = counters.at(start(node.thenStatement));
      add(node, 'if: true', taken);
      const otherwise = node.elseStatement;
      add(
        node,
        'if: false',
        otherwise === undefined ? counters.at(start(node)) - taken : counters.at(start(otherwise)),
      );
    } else if (ts.isConditionalExpression(node)) {
      add(node.whenTrue, '?: true', counters.at(start(node.whenTrue)));
      add(node.whenFalse, '?: false', counters.at(start(node.whenFalse)));
    } else if (ts.isBinaryExpression(node) && LOGICAL.includes(node.operatorToken.kind)) {
      const sign = node.operatorToken.getText(file);
      const right = counters.at(start(node.right));
      add(node.right, `${sign} evaluated`, right);
      add(node.right, `${sign} short`, counters.at(start(node.left)) - right);
    } else if (ts.isCaseOrDefaultClause(node)) {
      const [first] = node.statements;
      // A clause without statements goes on in the next one.
      if (first !== undefined) add(node, ts.isCaseClause(node) ? 'case' : 'default', counters.at(start(first)));
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** The original line of an offset, by the source map at the end of the script. */
function lineFinder(source: string, file: ts.SourceFile): (offset: number) => number {
  const inline = /\/\/# sourceMappingURL=data:application\/json;base64,([A-Za-z0-9+/=]+)\s*$/.exec(source);
  if (inline === null) return offset => file.getLineAndCharacterOfPosition(offset).line + 1;
  const payload = JSON.parse(Buffer.from(inline[1]!, 'base64').toString()) as SourceMapPayload;
  const map = new SourceMap(payload);
  return offset => {
    const { line, character } = file.getLineAndCharacterOfPosition(offset);
    const entry = map.findEntry(line, character);
    return 'originalLine' in entry ? entry.originalLine + 1 : 0;
  };
}

/** V8's block coverage of this process, from `start` on; modules that are to be counted must be imported afterwards. */
export class BranchCoverage {
  readonly #session = new Session();
  readonly #scripts = new Map<string, string>();

  #post<T>(method: string, parameters: object = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#session.post(method, parameters, (error, result) => {
        if (error === null) resolve(result as T);
        else reject(error);
      });
    });
  }

  async start(): Promise<void> {
    this.#session.connect();
    this.#session.on('Debugger.scriptParsed', (message: InspectorNotification<{ url: string; scriptId: string }>) => {
      this.#scripts.set(message.params.url, message.params.scriptId);
    });
    await this.#post('Debugger.enable');
    await this.#post('Profiler.enable');
    await this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Coverage of the files under `folders`, given as paths below `root`. */
  async take(root: URL, folders: readonly string[]): Promise<readonly FileCoverage[]> {
    const { result } = await this.#post<Profiler.TakePreciseCoverageReturnType>('Profiler.takePreciseCoverage');
    const files: FileCoverage[] = [];
    for (const script of result) {
      const url = script.url.split('?')[0]!;
      if (!url.startsWith(root.href)) continue;
      const path = fileURLToPath(url).slice(fileURLToPath(root).length);
      if (!folders.some(folder => path.startsWith(folder))) continue;
      const { scriptSource } = await this.#post<{ scriptSource: string }>('Debugger.getScriptSource', {
        scriptId: script.scriptId,
      });
      const file = ts.createSourceFile('script.js', scriptSource, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
      const lineOf = lineFinder(scriptSource, file);
      const branches = branchesOf(file, new Counters(script));
      files.push({
        path,
        total: branches.length,
        covered: branches.filter(({ count }) => count > 0).length,
        uncovered: branches.filter(({ count }) => count === 0).map(({ at, what }) => ({ line: lineOf(at), what })),
      });
    }
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}
