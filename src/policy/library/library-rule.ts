import { FindingList } from '../finding-list.ts';
import type { RuleArea, RuleOutcome } from '../rule.ts';
import type { XmlElement } from '../xml.ts';

/** What rules about whole documents need besides the document. */
export interface LibraryContext {
  /** Size in bytes of a file that a region names, undefined when there is none; absent when files are not looked at. */
  readonly fileBytes?: (filename: string) => number | undefined;
}

/** What the body of a library rule reports to. */
export interface LibraryVisit {
  examined(): void;
  report(element: XmlElement, message: string, hint: string): void;
}

/** A check of Muen's check library that its tools make before format B exists: it takes the document as a tree. */
export interface LibraryRule {
  readonly code: string;
  readonly area: RuleArea | 'files';
  /** One sentence, "Validate that ...". */
  readonly title: string;
  readonly severity: 'error' | 'warning';
  /** `<package>.<procedure>` of the check library. */
  readonly validator: string;
  /** Any document: a merged source policy, format A or B. What the document does not have is not examined. */
  check(root: XmlElement, context: LibraryContext): RuleOutcome;
}

/** Defines a library rule. */
export function libraryRule(
  { severity = 'error', ...head }: Omit<LibraryRule, 'check' | 'severity'> & Partial<Pick<LibraryRule, 'severity'>>,
  body: (root: XmlElement, visit: LibraryVisit, context: LibraryContext) => void,
): LibraryRule {
  return {
    ...head,
    severity,
    check(root, context) {
      const findings = new FindingList(head.code);
      let examined = 0;
      const visit: LibraryVisit = {
        examined: () => {
          examined += 1;
        },
        report: (element, message, hint) => findings.add(head.code, severity, element.at, message, hint),
      };
      body(root, visit, context);
      return { examined, findings: findings.all() };
    },
  };
}

/** Elements that a path of child names reaches. */
export function at(root: XmlElement, path: string): readonly XmlElement[] {
  return path
    .split('/')
    .reduce<readonly XmlElement[]>(
      (found, name) => found.flatMap(parent => parent.children.filter(child => child.name === name)),
      [root],
    );
}

/** All elements below `root`, in document order; documents are bounded in depth by the XML reader. */
export function* descendants(root: XmlElement): Generator<XmlElement> {
  for (const child of root.children) {
    yield child;
    yield* descendants(child);
  }
}
