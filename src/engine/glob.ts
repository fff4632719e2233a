/** Compiles a glob over property ids: `*` is any run of characters without `/`, `**` any run, `?` one character. */
export function globMatcher(glob: string): (id: string) => boolean {
  const source = glob.replace(/\*\*|\*|\?|[^*?]+/g, part => {
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    return part.replace(/[\\^$.|+()[\]{}/-]/g, '\\$&');
  });
  const pattern = new RegExp(`^${source}$`);
  return id => pattern.test(id);
}

/** Selects ids by globs: an area name alone (`channels`) means all of it; no glob selects everything. */
export function selectByGlobs<T extends { readonly id: string }>(
  items: readonly T[],
  globs: readonly string[],
): readonly T[] {
  if (globs.length === 0) return items;
  const matchers = globs.flatMap(glob => [globMatcher(glob), globMatcher(`${glob}/**`)]);
  return items.filter(item => matchers.some(matches => matches(item.id)));
}
