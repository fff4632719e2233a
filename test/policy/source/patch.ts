import { type PolicyTree, parseTree } from '../../../src/policy/tree.ts';
import { bytesOf } from '../shared-files.ts';

/** The file that a diff of the normal format, with `c` hunks of equal size or others, makes of a text. */
export function patched(text: string, diff: string): PolicyTree {
  const lines: (string | undefined)[] = text.split('\n');
  const added = new Map<number, string[]>();
  let at = 0;
  for (const line of diff.split('\n')) {
    const hunk = /^(\d+)(?:,(\d+))?([acd])\d+/.exec(line);
    if (hunk !== null) {
      const [, first, last = first, kind] = hunk;
      at = kind === 'a' ? Number(first) : Number(first) - 1;
      if (kind !== 'a') lines.fill(undefined, Number(first) - 1, Number(last));
    } else if (line.startsWith('> ')) added.set(at, [...(added.get(at) ?? []), line.slice(2)]);
  }
  const result = [...lines, undefined].flatMap((line, index) => [
    ...(added.get(index) ?? []),
    ...(line === undefined ? [] : [line]),
  ]);
  const tree = parseTree(bytesOf(result.join('\n')), 'patched.xml');
  if (!tree.ok) throw new Error(`${tree.error.line}: ${tree.error.message}`);
  return tree.value;
}
