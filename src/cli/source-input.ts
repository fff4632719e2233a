import { folderExists } from '../host/files.ts';
import { confinedFiles } from '../host/policy-files.ts';
import type { Finding } from '../policy/finding.ts';
import { directoryOf } from '../policy/source/paths.ts';
import { readSource, type SourceInputs, type SourcePolicy } from '../policy/source/read-source.ts';
import type { Result } from '../units/result.ts';
import type { Arguments, OptionSpec } from './options.ts';

/** Options that say what a source policy is made of. */
export const SOURCE_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'hardware',
    kind: 'list',
    placeholder: 'file',
    help: 'hardware description of a source policy; repeatable, later ones are laid over',
  },
  { name: 'platform', kind: 'text', placeholder: 'file', help: 'platform description of a source policy' },
  {
    name: 'include',
    kind: 'list',
    placeholder: 'dir',
    help: 'directory of included files and component specifications; repeatable, searched in order',
  },
];

/** True when the command line gives what only a source policy is made of. */
export const namesSource = (args: Arguments): boolean =>
  args.texts.has('platform') || args.lists.has('hardware') || args.lists.has('include');

/** Why a directory of the command line cannot be used; undefined when all can. */
export function missingDirectory(args: Arguments): string | undefined {
  const missing = (args.lists.get('include') ?? []).find(directory => !folderExists(directory));
  return missing === undefined ? undefined : `--include ${missing}: there is no such directory`;
}

/** Reads a source policy with everything that the command line names; nothing outside of that is read. */
export function readSourceInput(path: string, args: Arguments): Result<SourcePolicy, Finding[]> {
  const hardware = args.lists.get('hardware') ?? [];
  const platform = args.texts.get('platform');
  const includeDirectories = args.lists.get('include') ?? [];
  const inputs: SourceInputs = {
    policy: path,
    hardware,
    includeDirectories,
    ...(platform === undefined ? {} : { platform }),
  };
  const roots = [...includeDirectories, directoryOf(path), ...hardware, ...(platform === undefined ? [] : [platform])];
  return readSource(inputs, confinedFiles(roots));
}
