/** A path with `.` and `..` resolved by its text; separators are slashes. */
export function normalPath(path: string): string {
  const absolute = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '..' || !absolute) parts.push(part);
  }
  return `${absolute ? '/' : ''}${parts.join('/')}` || '.';
}

/** Path of `name` seen from a directory; an absolute name stays as it is. */
export function joinPath(directory: string, name: string): string {
  return normalPath(name.startsWith('/') ? name : `${directory}/${name}`);
}

/** Directory of a file; `.` for a bare name. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : slash === 0 ? '/' : path.slice(0, slash);
}

/** True when `path` (normal) lies in `directory` (normal) by its text. */
export function isWithin(directory: string, path: string): boolean {
  const prefix = directory === '.' ? '' : directory === '/' ? '/' : `${directory}/`;
  if (!path.startsWith(prefix) || (prefix === '' && path.startsWith('/'))) return false;
  const rest = path.slice(prefix.length);
  return rest !== '..' && !rest.startsWith('../');
}
