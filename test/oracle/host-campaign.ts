import { Interpreter } from '../../src/impl/x86/interpreter.ts';
import { INSTRUCTIONS, mnemonicOf } from '../../src/impl/x86/table.ts';
import { createRng } from '../../src/units/rng.ts';
import { compare, runOnHost, runOnMachine } from './host-oracle.ts';
import { excludedFromHost, makeSnippet, type Snippet } from './snippet.ts';
import { UserMachine } from './user-machine.ts';

export interface CampaignResult {
  readonly snippets: number;
  /** Snippets by row id. */
  readonly byRow: ReadonlyMap<number, number>;
  /** Answers that the host did not give again: a timer's signal came in between. */
  readonly unrepeatable: readonly Snippet[];
  readonly mismatches: readonly { readonly snippet: Snippet; readonly differences: readonly string[] }[];
}

const MAX_REPORTED = 200;

/**
 * Compares `count` snippets, evenly over the rows, on the host and on the interpreter.
 *
 * Where they differ the reference evaluator tells which flags the SDM leaves open, and both tiers are compared without those.
 */
export function campaign(path: string, seed: number, count: number, batch: number): CampaignResult {
  const rng = createRng(seed);
  const cases = ([64, 32] as const).flatMap(bits =>
    INSTRUCTIONS.filter(row => excludedFromHost(row, bits) === undefined).map(row => ({ row, bits })),
  );
  const reference = new UserMachine();
  const machine = new UserMachine();
  Interpreter.attach(machine.cpu);
  const differencesOf = (snippet: Snippet, answer: DataView): string[] => {
    runOnMachine(machine, snippet);
    if (compare(machine, snippet, answer, 0).length === 0) return [];
    const open = runOnMachine(reference, snippet);
    const found = compare(machine, snippet, answer, open).map(text => `interpreter: ${text}`);
    return [...found, ...compare(reference, snippet, answer, open).map(text => `reference: ${text}`)];
  };
  const byRow = new Map<number, number>();
  const mismatches: { snippet: Snippet; differences: string[] }[] = [];
  const unrepeatable: Snippet[] = [];
  let done = 0;
  let next = 0;
  while (done < count) {
    const snippets: Snippet[] = [];
    while (snippets.length < Math.min(batch, count - done)) {
      const { row, bits } = cases[next++ % cases.length]!;
      const snippet = makeSnippet(rng, row, bits);
      if (snippet !== undefined) snippets.push(snippet);
    }
    const answers = runOnHost(path, snippets);
    snippets.forEach((snippet, index) => {
      let differences = differencesOf(snippet, answers[index]!);
      if (differences.length > 0) {
        differences = differencesOf(snippet, runOnHost(path, [snippet])[0]!);
        if (differences.length === 0) unrepeatable.push(snippet);
      }
      byRow.set(snippet.row.id, (byRow.get(snippet.row.id) ?? 0) + 1);
      if (differences.length > 0 && mismatches.length < MAX_REPORTED) mismatches.push({ snippet, differences });
    });
    done += snippets.length;
  }
  return { snippets: done, byRow, unrepeatable, mismatches };
}

/** One line about a snippet. */
export const describeSnippet = (snippet: Snippet): string =>
  `${snippet.bits}-bit ${mnemonicOf(snippet.row, 2)} (${snippet.row.encoding}) ${Buffer.from(snippet.code).toString('hex')}`;
