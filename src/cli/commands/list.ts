import { COMPONENTS } from '../../impl/components/registry.ts';
import { SESSION_INTERFACES } from '../../impl/genode/services/interfaces.ts';
import { OBJECT_INTERFACES } from '../../impl/genode/services/object-interfaces.ts';
import { ENTRY_CHECK_GROUPS } from '../../impl/vmx/entry-check-table.ts';
import { EXIT_REASONS } from '../../impl/vmx/exit-reasons.ts';
import { VMCS_FIELDS } from '../../impl/vmx/vmcs-fields.ts';
import { INSTRUCTIONS } from '../../impl/x86/table.ts';
import { toJson } from '../../trace/json.ts';
import { layoutTable } from '../../trace/text.ts';
import { suggestion } from '../../units/nearest.ts';
import { printable } from '../../units/printable.ts';
import type { Catalogue } from '../catalogue.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT_ACTIONS } from '../exit-actions.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';

type Cell = string | number | readonly string[];
type Row = Readonly<Record<string, Cell>>;

/** What can be listed; each listing derives from the table that the tool itself uses. */
const LISTINGS: Readonly<Record<string, (catalogue: Catalogue) => readonly Row[]>> = {
  properties: catalogue =>
    catalogue.properties.map(property => ({
      id: property.id,
      passes: property.passes,
      method: property.method,
      claim: property.claim,
      witnesses: property.witnesses.map(witness => witness.id),
      killedBy: property.killedBy,
    })),
  faults: catalogue =>
    catalogue.faults.map(fault => ({
      id: fault.id,
      seam: fault.seam,
      title: fault.title,
      precedent: fault.precedent,
      killedBy: fault.killedBy,
      scenario: fault.scenario ?? catalogue.defaultScenario,
    })),
  rules: catalogue =>
    catalogue.rules.map(({ code, area, severity, validator = '', title }) => ({
      code,
      area,
      severity,
      validator,
      title,
    })),
  scenarios: catalogue =>
    catalogue.scenarios.map(({ name, title, software }) => ({
      name,
      title,
      software: software.map(item => `${item.subject}: ${item.software}`),
    })),
  components: () => Object.entries(COMPONENTS).map(([component, { title, limits }]) => ({ component, title, limits })),
  models: catalogue =>
    catalogue.models.map(({ id, title, configurations }) => ({
      id,
      title,
      states: configurations.map(({ name, states }) => `${name}: ${states}`),
    })),
  exits: () =>
    EXIT_REASONS.map(({ reason, name, action, causedBy }) => ({
      reason,
      name,
      action,
      kernel: EXIT_ACTIONS[action],
      causedBy,
    })),
  'entry-checks': () =>
    ENTRY_CHECK_GROUPS.flatMap(({ checks, failure }) =>
      checks.map(({ id, section, rule }) => ({
        id,
        failure:
          'error' in failure ? `VMfailValid(${failure.error})` : `exit 33, qualification ${failure.qualification}`,
        rule,
        section,
      })),
    ),
  'vmcs-fields': () =>
    VMCS_FIELDS.map(({ name, encoding, width, isNatural, readOnly, section }) => ({
      name,
      encoding: `0x${encoding.toString(16).padStart(4, '0')}`,
      width: isNatural ? 'natural' : width,
      access: readOnly ? 'read-only' : 'read-write',
      section,
    })),
  instructions: () =>
    INSTRUCTIONS.map(row => ({
      encoding: row.encoding,
      mnemonic: row.mnemonic,
      operands: row.operandText,
      modes: row.modes,
      feature: row.feature,
      class: row.class,
      privilege: row.privilege,
      exceptions: row.exceptions,
      transcripts: row.transcripts,
    })),
  services: () =>
    [...SESSION_INTERFACES, ...OBJECT_INTERFACES].map(face => ({
      service: face.service,
      caps: face.caps,
      ramBytes: face.ramBytes,
      proxy: face.proxy,
      title: face.title,
      functions: face.functions.map(({ name }) => name),
    })),
};

const cellText = (cell: Cell | undefined): string =>
  cell === undefined ? '' : typeof cell === 'object' ? cell.join(', ') : String(cell);

/** Columns of the text, the widest last; JSON and Markdown have all. */
const TEXT_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  properties: ['id', 'passes', 'method', 'claim'],
  faults: ['id', 'seam', 'title'],
  exits: ['reason', 'name', 'kernel', 'causedBy'],
  instructions: ['encoding', 'mnemonic', 'operands', 'modes', 'feature', 'class', 'privilege'],
};

function toText(kind: string, rows: readonly Row[]): string {
  const columns = TEXT_COLUMNS[kind] ?? Object.keys(rows[0] ?? {});
  return layoutTable([columns, ...rows.map(row => columns.map(column => cellText(row[column])))])
    .map(line => `${line}\n`)
    .join('');
}

function toMarkdown(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const escapeCell = (text: string): string => printable(text).replace(/[|\\<>]/g, character => `\\${character}`);
  const lines = [
    columns,
    columns.map(() => '---'),
    ...rows.map(row => columns.map(column => escapeCell(cellText(row[column])))),
  ];
  return lines.map(cells => `| ${cells.join(' | ')} |\n`).join('');
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const kind = args.positionals[0] ?? '';
  const kinds = Object.keys(LISTINGS);
  const listing = Object.hasOwn(LISTINGS, kind) ? LISTINGS[kind] : undefined;
  if (listing === undefined)
    return usageError(
      environment,
      'list',
      `cannot list "${kind}".${suggestion(kind, kinds)} There are ${kinds.join(', ')}.`,
    );
  if (args.flags.has('json') && args.flags.has('markdown'))
    return usageError(environment, 'list', 'choose one of --json, --markdown');
  const rows = listing(await environment.loadCatalogue());
  const text = args.flags.has('markdown') ? toMarkdown(rows) : toText(kind, rows);
  environment.stdout(args.flags.has('json') ? `${toJson(rows)}\n` : text);
  return EXIT.holds;
}

export const listCommand: Command = {
  name: 'list',
  summary:
    'what exists: properties, faults, policy rules, scenarios, models, VM exits, VM-entry checks, VMCS fields, instructions',
  operands: `<${Object.keys(LISTINGS).join(' | ')}>`,
  minOperands: 1,
  maxOperands: 1,
  options: [{ name: 'markdown', kind: 'flag', help: 'print a Markdown table' }, JSON_OPTION, ...COMMON_OPTIONS],
  examples: ['list properties', 'list faults --markdown'],
  run,
};
