// `npm run docs`: runs the README's commands and writes their output into it, and measures the agreement table.
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { AGREEMENT_FILE, agreementDocument, agreementRows } from './policy/agreement.ts';
import {
  BLOCKS,
  type CommandOutput,
  commandsOf,
  createSandbox,
  hasShared,
  README,
  readReadme,
  runCommand,
  withBlocks,
} from './readme-blocks.ts';
import { OBLIGATIONS_FILE, obligationsDocument } from './refinement/genode/obligations.ts';

/** Commands whose output the README shows. */
const SHOWN = /npm start|flows two-subjects$|faults --from|replay my-faults/;

const sandbox = createSandbox();
const outputs = new Map<string, CommandOutput>();
for (const command of commandsOf(readReadme()).filter(line => SHOWN.test(line))) {
  console.log(command);
  const output = await runCommand(sandbox, command);
  if (output.code !== 0) {
    console.error(output.stdout + output.stderr);
    console.error(`README.md is not changed: exit code ${output.code}`);
    process.exit(1);
  }
  outputs.set(command, output);
}
sandbox.remove();
writeFileSync(README, withBlocks(readReadme(), outputs));
console.log(`${Object.keys(BLOCKS).length} blocks of README.md written`);
writeFileSync(OBLIGATIONS_FILE, obligationsDocument());
if (hasShared) writeFileSync(AGREEMENT_FILE, agreementDocument(agreementRows()));
