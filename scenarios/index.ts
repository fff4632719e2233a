import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ScenarioSoftware } from '../src/engine/property.ts';
import { VERDICT_WORDS, type VerdictWord } from '../src/engine/verdict.ts';
import { err, ok, type Result } from '../src/units/result.ts';

/** A complete system that comes with muencheck. */
export interface Scenario {
  /** Folder name. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** ASCII drawing, one entry a line. */
  readonly diagram: readonly string[];
  /** Absolute path of its policy. */
  readonly policyPath: string;
  readonly software: readonly ScenarioSoftware[];
  /** Verdict that `check` must give, by property id. */
  readonly expected: Readonly<Record<string, VerdictWord>>;
  readonly seeds: readonly number[];
}

/** Why a scenario cannot be read: file, place inside it, and reason. */
export interface ScenarioError {
  readonly file: string;
  /** Path to the offending value, such as `software[1].parameters.event`; empty for the file as a whole. */
  readonly place: string;
  readonly message: string;
}

/** Scenario that commands use when none is named. */
export const DEFAULT_SCENARIO = 'log-proxy';

type Fields = Readonly<Record<string, unknown>>;

/** Reads one field after another and remembers the first that is wrong. */
class Reader {
  error: { readonly place: string; readonly message: string } | undefined;

  fail(place: string, message: string): void {
    this.error ??= { place, message };
  }

  fields(value: unknown, place: string): Fields {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
    this.fail(place, 'must be an object');
    return {};
  }

  list(value: unknown, place: string): readonly unknown[] {
    if (Array.isArray(value)) return value;
    this.fail(place, 'must be a list');
    return [];
  }

  text(value: unknown, place: string): string {
    if (typeof value === 'string' && value.length > 0) return value;
    this.fail(place, 'must be a text that is not empty');
    return '';
  }

  known(fields: Fields, names: readonly string[], place: string): void {
    const unknown = Object.keys(fields).find(name => !names.includes(name));
    if (unknown !== undefined)
      this.fail(place === '' ? unknown : `${place}.${unknown}`, `unknown field; known are ${names.join(', ')}`);
  }
}

/** Text of a file of the scenario's folder by its name, undefined if there is none. */
export type FileReader = (name: string) => string | undefined;

const NO_FILES: FileReader = () => undefined;

/** Guests of this repository, built from src/guests. */
const BINARIES = new URL('../src/guests/built/', import.meta.url);

/** A subject that runs one of our guests, placed at an address of its memory. */
function readBinary(reader: Reader, fields: Fields, place: string): ScenarioSoftware {
  reader.known(fields, ['subject', 'binary', 'address'], place);
  const subject = reader.text(fields.subject, `${place}.subject`);
  const binary = reader.text(fields.binary, `${place}.binary`);
  const { address } = fields;
  if (typeof address !== 'number' || !Number.isSafeInteger(address) || address < 0)
    reader.fail(`${place}.address`, 'must be an address');
  let hex = '';
  if (/^[a-z0-9-]+$/.test(binary) && existsSync(new URL(`${binary}.bin`, BINARIES)))
    hex = readFileSync(new URL(`${binary}.bin`, BINARIES)).toString('hex');
  else reader.fail(`${place}.binary`, 'must name a guest of src/guests/built');
  return { subject, software: 'machine-code', parameters: { hex, address: Number(address) } };
}

function readSoftware(reader: Reader, value: unknown, place: string, files: FileReader): ScenarioSoftware {
  const fields = reader.fields(value, place);
  if (Object.hasOwn(fields, 'binary')) return readBinary(reader, fields, place);
  reader.known(fields, ['subject', 'software', 'parameters', 'files'], place);
  const given = reader.fields(fields.parameters, `${place}.parameters`);
  const parameters: Record<string, string | number> = {};
  for (const [name, parameter] of Object.entries(given)) {
    if (typeof parameter === 'number' || typeof parameter === 'string') parameters[name] = parameter;
    else reader.fail(`${place}.parameters.${name}`, 'must be a number or a text');
  }
  const named = fields.files === undefined ? {} : reader.fields(fields.files, `${place}.files`);
  for (const [name, file] of Object.entries(named)) {
    const text = files(reader.text(file, `${place}.files.${name}`));
    if (text === undefined) reader.fail(`${place}.files.${name}`, 'must be the name of a file of the scenario');
    else parameters[name] = text;
  }
  return {
    subject: reader.text(fields.subject, `${place}.subject`),
    software: reader.text(fields.software, `${place}.software`),
    parameters,
  };
}

function readExpected(reader: Reader, value: unknown): Record<string, VerdictWord> {
  const expected: Record<string, VerdictWord> = {};
  for (const [id, word] of Object.entries(reader.fields(value, 'expected'))) {
    const known = VERDICT_WORDS.find(verdict => verdict === word);
    if (known === undefined) reader.fail(`expected.${id}`, `must be a verdict word: ${VERDICT_WORDS.join(', ')}`);
    else expected[id] = known;
  }
  return expected;
}

function readSeeds(reader: Reader, value: unknown): number[] {
  return reader.list(value, 'seeds').map((seed, index) => {
    if (typeof seed === 'number' && Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return seed;
    reader.fail(`seeds[${index}]`, 'must be an integer of 0 .. 4294967295');
    return 0;
  });
}

const FIELDS = ['id', 'title', 'description', 'diagram', 'software', 'expected', 'seeds'];

/**
 * Reads the text of a scenario.json.
 * Errors: no JSON, or a field that is missing, unknown or of the wrong type, with its place.
 */
export function parseScenario(
  text: string,
  file: string,
  policyPath: string,
  files: FileReader = NO_FILES,
): Result<Scenario, ScenarioError> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return err({ file, place: '', message: error instanceof Error ? error.message : String(error) });
  }
  const reader = new Reader();
  const fields = reader.fields(value, '');
  reader.known(fields, FIELDS, '');
  const scenario: Scenario = {
    id: reader.text(fields.id, 'id'),
    title: reader.text(fields.title, 'title'),
    description: reader.text(fields.description, 'description'),
    diagram: reader.list(fields.diagram, 'diagram').map((line, index) => {
      if (typeof line !== 'string') reader.fail(`diagram[${index}]`, 'must be a text');
      return String(line);
    }),
    policyPath,
    software: reader
      .list(fields.software, 'software')
      .map((entry, index) => readSoftware(reader, entry, `software[${index}]`, files)),
    expected: readExpected(reader, fields.expected),
    seeds: readSeeds(reader, fields.seeds),
  };
  return reader.error === undefined ? ok(scenario) : err({ file, ...reader.error });
}

function readText(file: string): Result<string, ScenarioError> {
  try {
    return ok(readFileSync(file, 'utf8'));
  } catch (error) {
    return err({ file, place: '', message: error instanceof Error ? error.message : String(error) });
  }
}

/**
 * Reads every scenario folder, in order of its name.
 * @param folder folder that holds the scenario folders; by default the one of this file
 * Errors: the first unreadable or malformed scenario.json, or one whose id is not its folder's name.
 */
export function discoverScenarios(
  folder: URL = new URL('./', import.meta.url),
): Result<readonly Scenario[], ScenarioError> {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name)
    .sort();
  const scenarios: Scenario[] = [];
  for (const name of names) {
    const file = fileURLToPath(new URL(`${name}/scenario.json`, folder));
    const text = readText(file);
    if (!text.ok) return text;
    const files: FileReader = wanted => {
      const found = /^[a-z0-9_-]+\.xml$/.test(wanted)
        ? readText(fileURLToPath(new URL(`${name}/${wanted}`, folder)))
        : undefined;
      return found?.ok === true ? found.value : undefined;
    };
    const scenario = parseScenario(text.value, file, fileURLToPath(new URL(`${name}/policy.xml`, folder)), files);
    if (!scenario.ok) return scenario;
    if (scenario.value.id !== name) return err({ file, place: 'id', message: `must be the folder's name, ${name}` });
    scenarios.push(scenario.value);
  }
  return ok(scenarios);
}

/** The scenario with an id; undefined if there is none. Errors as discoverScenarios. */
export function findScenario(id: string): Result<Scenario | undefined, ScenarioError> {
  const all = discoverScenarios();
  return all.ok ? ok(all.value.find(scenario => scenario.id === id)) : all;
}

/** One line for a person: `file: place: message`. */
export function formatScenarioError(error: ScenarioError): string {
  return [error.file, error.place, error.message].filter(part => part !== '').join(': ');
}
