import type { Catalogue } from './catalogue.ts';
import type { Command } from './command.ts';
import type { OptionSpec } from './options.ts';

/** Shells that a completion script can be written for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Words that stand for a placeholder of an option or operand: `scenario`, `glob`. */
type Words = Readonly<Record<string, readonly string[]>>;

/** What each placeholder can be replaced by; one that is not here is a file or a text of the user's own. */
export const placeholderWords = (catalogue: Catalogue): Words => ({
  scenario: catalogue.scenarios.map(({ name }) => name),
  model: catalogue.models.map(({ id }) => id),
  glob: catalogue.properties.map(({ id }) => id),
  id: [...catalogue.properties, ...catalogue.faults, ...catalogue.scenarios.map(({ name }) => ({ id: name }))].map(
    ({ id }) => id,
  ),
});

/** Words of an operand text: `<policy.xml | scenario>` has the scenarios, `<exits | faults>` has itself. */
function operandWords({ operands }: Command, words: Words): readonly string[] {
  const parts = operands
    .replaceAll(/[<>[\]]|\.\.\./g, '')
    .split('|')
    .map(part => part.trim());
  return parts.flatMap(part => words[part] ?? (/^[a-z-]+$/.test(part) && parts.length > 1 ? [part] : []));
}

function optionWords(option: OptionSpec, words: Words): readonly string[] {
  if (option.kind === 'flag') return [];
  return option.kind === 'choice' ? option.choices : (words[option.placeholder] ?? []);
}

const withValue = ({ options }: Command): readonly OptionSpec[] => options.filter(({ kind }) => kind !== 'flag');

const spaced = (list: readonly string[]): string => list.join(' ');

function bashCommand(command: Command, words: Words): readonly string[] {
  return [
    `    '${command.name}')`,
    '      case $before in',
    ...withValue(command).map(option => `        --${option.name}) words='${spaced(optionWords(option, words))}' ;;`),
    '        *)',
    `          words='${spaced(operandWords(command, words))}'`,
    `          [[ $word == -* ]] && words='${spaced(command.options.map(({ name }) => `--${name}`))}'`,
    '          ;;',
    '      esac',
    '      ;;',
  ];
}

function bashScript(commands: readonly Command[], words: Words): string {
  return [
    '# Completion of muencheck for bash: source <(muencheck completion bash)',
    '_muencheck() {',
    // Arguments that bash gives: the program, the word to complete, the word before it.
    "  local word=$2 before=$3 words=''",
    `  case \${COMP_WORDS[1]} in`,
    ...commands.flatMap(command => bashCommand(command, words)),
    '  esac',
    `  [[ $COMP_CWORD -eq 1 ]] && words='${spaced(commands.map(({ name }) => name))}'`,
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    '}',
    'complete -o default -F _muencheck muencheck',
    '',
  ].join('\n');
}

/** zsh runs the functions of bash. */
const zshScript = (commands: readonly Command[], words: Words): string =>
  `autoload -U +X bashcompinit && bashcompinit\n${bashScript(commands, words)}`;

const fishText = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function fishCommand(command: Command, words: Words): readonly string[] {
  const start = `complete -c muencheck -n '__fish_seen_subcommand_from ${command.name}'`;
  const operands = operandWords(command, words);
  return [
    `complete -c muencheck -n __fish_use_subcommand -a ${command.name} -d ${fishText(command.summary)}`,
    ...(operands.length === 0 ? [] : [`${start} -a ${fishText(spaced(operands))}`]),
    ...command.options.map(option => {
      const list = optionWords(option, words);
      const value = option.kind === 'flag' ? '' : list.length === 0 ? ' -r' : ` -x -a ${fishText(spaced(list))}`;
      const short = option.short === undefined ? '' : ` -s ${option.short}`;
      return `${start} -l ${option.name}${short}${value} -d ${fishText(option.help)}`;
    }),
  ];
}

const fishScript = (commands: readonly Command[], words: Words): string =>
  [
    '# Completion of muencheck for fish: muencheck completion fish | source',
    ...commands.flatMap(command => fishCommand(command, words)),
    '',
  ].join('\n');

const SCRIPTS: Readonly<Record<Shell, (commands: readonly Command[], words: Words) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** The completion script of a shell, from the option tables of the commands and from what is registered. */
export const completionScript = (shell: Shell, commands: readonly Command[], catalogue: Catalogue): string =>
  SCRIPTS[shell](commands, placeholderWords(catalogue));
