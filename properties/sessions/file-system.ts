import { FILE_SYSTEM_WITNESSES, runFileSystemScript } from '../../src/refinement/services/file-system-script.ts';
import { scriptProperty } from './script-property.ts';

const DESCRIPTIONS: Readonly<Record<(typeof FILE_SYSTEM_WITNESSES)[number], string>> = {
  written: 'a file is written',
  read: 'bytes of a file are read',
  listed: 'an entry of a directory is read',
  moved: 'a node is moved',
  gone: 'a node is removed',
  refused: 'a call is refused',
  'no-space': 'a write finds no room',
  told: 'a watcher is told of a change',
  'read-only': 'a session that may only read tries to write',
};

/** A tree of files in memory, with several sessions. */
export const fileSystem = scriptProperty({
  id: 'sessions/file-system',
  claim:
    'Files, directories and links behave like objects that refer to each other: same results, same errors, same bytes, watchers told of every change, and nothing outside of a session’s root or rights.',
  method: 'comparison with a tree of objects, hostile requests',
  premise: 'Let a session of ram_fs write, and another read a part of its tree:',
  operations: {
    file: 8,
    dir: 8,
    symlink: 2,
    node: 1,
    watch: 2,
    wait: 3,
    unlink: 2,
    truncate: 3,
    regrow: 3,
    move: 8,
    nest: 2,
    list: 1,
    close: 1,
    status: 3,
    write: 9,
    read: 7,
  },
  run: (context, steps) => runFileSystemScript(context.seams.genode.service, steps),
  witnesses: FILE_SYSTEM_WITNESSES.map(id => ({ id, description: DESCRIPTIONS[id] })),
  killedBy: [
    'file-cut-bytes-return',
    'directory-moved-below-itself',
    'file-read-only-ignored',
    'file-append-overwrites',
    'file-watch-missed',
  ],
});
