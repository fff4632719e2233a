import { err, ok, type Result } from '../units/result.ts';
import type { Finding, Severity } from './finding.ts';
import { FindingList } from './finding-list.ts';
import { parseWord64 } from './literal.ts';
import { childNamed, elementsAt, findingOn, type PolicyTree, type TreeElement } from './tree.ts';

/**
 * A policy tree while a tool of the toolchain works on it, and what the tool has to say about it.
 *
 * Addresses and sizes are numbers: the machine's are below 2^52, and virtual ones above 2^53 are refused.
 */
export class Workspace {
  readonly root: TreeElement;
  readonly #findings = new FindingList('POL-MORE');
  readonly #sections = new Map<string, TreeElement>();

  constructor(tree: PolicyTree) {
    this.root = tree.root;
  }

  get errorCount(): number {
    return this.#findings.errorCount;
  }

  findings(): Finding[] {
    return this.#findings.all();
  }

  /** The section of that name below the root; refuses the policy when there is none. */
  section(name: string): TreeElement {
    const known = this.#sections.get(name);
    if (known !== undefined && this.root.children.includes(known)) return known;
    const found = childNamed(this.root, name);
    if (found === undefined) {
      return this.refuse(this.root, 'POL-MISSING-ELEMENT', `the policy has no <${name}> section`, `Add <${name}>.`);
    }
    this.#sections.set(name, found);
    return found;
  }

  /** Elements that a path of child names reaches from the root, in document order. */
  all(path: string): TreeElement[] {
    return elementsAt(this.root, path);
  }

  /** Notes something that makes the policy invalid; the tool goes on. */
  report(element: TreeElement, code: string, message: string, hint: string, severity: Severity = 'error'): void {
    this.#findings.add(code, severity, element.at, message, hint);
  }

  /** Ends the tool: without what is missing it cannot go on. Caught in `inWorkspace`. */
  refuse(element: TreeElement, code: string, message: string, hint: string): never {
    throw new Refused(findingOn(element, code, 'error', message, hint));
  }

  /** Value of an attribute that must be there. */
  text(element: TreeElement, name: string): string {
    const value = element.attributes[name];
    if (value !== undefined) return value;
    const hint = `Add ${name}="...".`;
    return this.refuse(element, 'POL-MISSING-ATTRIBUTE', `<${element.name}> lacks the attribute ${name}`, hint);
  }

  /** Value of a hex literal attribute (an address or a number of bytes). */
  word(element: TreeElement, name: string): number {
    const text = this.text(element, name);
    const value = parseWord64(text);
    if (value !== undefined && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    const what = `${element.name}/@${name} is ${JSON.stringify(text.slice(0, 80))}`;
    return value === undefined
      ? this.refuse(element, 'POL-NUMBER', `${what}, expected a hex literal as 16#0010_0000#`, 'Write 16#0010_0000#.')
      : this.refuse(element, 'POL-RANGE', `${what}, expected an address below 16#0020_0000_0000_0000#`, 'Lower it.');
  }

  /** Value of a decimal attribute. */
  decimal(element: TreeElement, name: string): number {
    const text = this.text(element, name).trim();
    if (/^\+?[0-9]{1,15}$/.test(text)) return Number(text);
    const what = `${element.name}/@${name} is ${JSON.stringify(text.slice(0, 80))}`;
    return this.refuse(element, 'POL-NUMBER', `${what}, expected a decimal number`, 'Write decimal digits only.');
  }
}

/** Leaves a tool at the first problem that it cannot go on with. */
class Refused extends Error {
  readonly finding: Finding;
  constructor(finding: Finding) {
    super(finding.message);
    this.finding = finding;
  }
}

/** What a tool made of a policy. */
export interface ToolOutcome {
  readonly tree: PolicyTree;
  /** What does not make the policy invalid. */
  readonly findings: readonly Finding[];
}

/** Runs a tool on `tree`, which it changes in place; errors are everything it reported up to where it stopped. */
export function inWorkspace(
  tree: PolicyTree,
  tool: (workspace: Workspace) => void,
): Result<ToolOutcome, readonly Finding[]> {
  const workspace = new Workspace(tree);
  try {
    tool(workspace);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return err([...workspace.findings(), error.finding]);
  }
  const findings = workspace.findings();
  return workspace.errorCount > 0 ? err(findings) : ok({ tree, findings });
}
