/** A path as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** How the user starts the program, for commands to copy: through npm in the checkout, else by its name. */
export function programName(env: Readonly<Record<string, string | undefined>>): string {
  const script = env.npm_lifecycle_event ?? '';
  return script === 'muencheck' || script === 'start' ? 'npm run -s muencheck --' : 'muencheck';
}
