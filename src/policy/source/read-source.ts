import type { Result } from '../../units/result.ts';
import type { Finding } from '../finding.ts';
import { elementsAt, findingOn, type PolicyTree, type TreeElement, walkTree } from '../tree.ts';
import { allocateVirtual } from './allocate-virtual.ts';
import { expectGrammar } from './check-grammar.ts';
import { type ComponentSurroundings, prepareSpecification } from './component.ts';
import { normaliseEras } from './eras/normalise.ts';
import { joinComponents, missingSpecifications } from './join.ts';
import { type MergeInputs, mergeWith } from './merge.ts';
import { directoryOf } from './paths.ts';
import { attempt, ProblemList, quote, refuse, type SourceCode, SourceProblem } from './problem.ts';
import { type PolicyFiles, SourceReader } from './source-files.ts';
import { SOURCE_SYSTEM } from './source-grammar.ts';

/** Everything that a source policy is made of. */
export interface SourceInputs extends MergeInputs {
  /** Specifications to join, as files. */
  readonly specifications?: readonly string[];
  /** Searched for the specifications that the policy needs beside those; then the include directories. */
  readonly componentDirectories?: readonly string[];
}

/** How far the source is processed: put together, with its components, with all numbers. */
export type SourceStage = 'merged' | 'joined' | 'allocated';

export interface SourcePolicy {
  readonly tree: PolicyTree;
  /** What was assumed. */
  readonly findings: readonly Finding[];
}

const BINARY: SourceCode = 'SRC-BINARY';

/** Where a specification may be below a directory. */
const SPECIFICATION_PATHS = (name: string): readonly string[] => [
  `${name}.xml`,
  `${name}/spec/${name}.xml`,
  `spec/${name}.xml`,
];

/**
 * Reads a source policy up to what the expansion to format A takes: merged, components joined, virtual resources
 * allocated, documentation dropped. The error says all that is wrong in the first step that fails, with file and line.
 */
export function readSource(
  inputs: SourceInputs,
  files: PolicyFiles,
  stage: SourceStage = 'allocated',
): Result<SourcePolicy, Finding[]> {
  return attempt(() => {
    const componentDirectories = [...(inputs.componentDirectories ?? []), ...inputs.includeDirectories];
    const specificationDirectories = (inputs.specifications ?? []).map(directoryOf);
    const directories = [...componentDirectories, ...specificationDirectories, directoryOf(inputs.policy)];
    const reader = new SourceReader(files, directories, inputs.limits);
    const tree = mergeWith(inputs, reader);
    const old = normaliseEras(tree.root);
    expectGrammar(tree.root, SOURCE_SYSTEM);
    if (stage === 'merged') return { tree, findings: old };
    const joined = joinAll(tree, inputs, { reader, directories: componentDirectories, policy: tree });
    const findings = [...old, ...joined, ...missingBinaries(tree, reader, componentDirectories)];
    if (stage === 'joined') return { tree, findings };
    unwrap(allocateVirtual(tree));
    dropDocumentation(tree);
    return { tree, findings };
  });
}

function unwrap<T>(result: Result<T, Finding[]>): T {
  if (result.ok) return result.value;
  throw new SourceProblem(result.error);
}

/** Joins the given specifications and all that are needed beside them, in the order of their names. */
function joinAll(tree: PolicyTree, inputs: SourceInputs, surroundings: ComponentSurroundings): readonly Finding[] {
  const { reader } = surroundings;
  const findings: Finding[] = [];
  const problems = new ProblemList();
  const prepared: PolicyTree[] = [];
  const own = elementsAt(tree.root, 'components').flatMap(({ children }) => children);
  const known = new Set(own.map(({ attributes }) => attributes.name));
  let references = [...elementsAt(tree.root, 'subjects/subject/component'), ...own.flatMap(librariesOf)];
  let next = (inputs.specifications ?? []).map(path => reader.open(path));
  do {
    for (const specification of next) {
      const directories = [...surroundings.directories, directoryOf(specification.root.at.file ?? '.')];
      findings.push(
        ...(problems.attempt(() => prepareSpecification(specification, { ...surroundings, directories })) ?? []),
      );
      prepared.push(specification);
      known.add(specification.root.attributes.name);
    }
    references = [...references, ...next.flatMap(({ root }) => librariesOf(root))];
    const missing = missingSpecifications(references, known);
    references = [];
    next = [...missing].flatMap(([name, from]) => {
      known.add(name);
      return problems.attempt(() => findSpecification(name, from, surroundings)) ?? [];
    });
  } while (next.length > 0);
  problems.end();
  const nameOf = ({ root }: PolicyTree): string => root.attributes.name ?? '';
  prepared.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  unwrap(joinComponents(tree, prepared));
  return findings;
}

const librariesOf = (specification: TreeElement): readonly TreeElement[] =>
  elementsAt(specification, 'depends/library');

function findSpecification(
  name: string,
  from: TreeElement,
  { reader, directories }: ComponentSurroundings,
): PolicyTree {
  const path = SPECIFICATION_PATHS(name).find(candidate => reader.has(candidate, directories));
  if (path === undefined) {
    const message = `there is no specification of the ${from.name} ${quote(name)} in: ${directories.join(', ') || 'no directory'}`;
    refuse(
      from,
      'SRC-COMPONENT',
      message,
      'Correct the name, or give the directory of its specification with --include.',
    );
  }
  const specification = reader.find(path, from, directories);
  if (specification.root.attributes.name !== name) {
    const message = `the specification is of ${quote(specification.root.attributes.name ?? '')}, expected ${quote(name)}`;
    refuse(specification.root, 'SRC-COMPONENT', message, 'The file is named after its component.');
  }
  return specification;
}

/** One notice about the files of components that no directory has: their sizes are those of the specifications. */
function missingBinaries(tree: PolicyTree, reader: SourceReader, directories: readonly string[]): readonly Finding[] {
  const provided = elementsAt(tree.root, 'components').flatMap(({ children }) =>
    children.flatMap(specification => elementsAt(specification, 'provides/memory/file')),
  );
  const missing = provided.filter(({ attributes }) => !reader.has(attributes.filename ?? '', directories));
  const [first] = missing;
  if (first === undefined) return [];
  const names = missing.slice(0, 5).map(({ attributes }) => attributes.filename);
  const message = `${missing.length} of ${provided.length} files of components are not given (${names.join(', ')}${missing.length > 5 ? ', ...' : ''}): their regions are sized by the specifications`;
  return [findingOn(first, BINARY, 'notice', message, 'Give the directory of the binaries with --include to be sure.')];
}

/** Takes out all `<doc>` elements, as the filter of the real toolchain does. */
export function dropDocumentation({ root }: PolicyTree): void {
  walkTree(root, element => {
    if (element.children.some(({ name }) => name === 'doc')) {
      element.children = element.children.filter(({ name }) => name !== 'doc');
    }
  });
}
