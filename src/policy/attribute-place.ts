/** Where a start tag stands in the source text. */
export interface TagPlace {
  readonly name: string;
  /** Index of its `<`. */
  readonly offset: number;
}

/** Index of an attribute's name, of its `<` when the tag has no such attribute or is not `tag`; `occurrence` counts from 0. */
export function attributeOffset(source: string, tag: TagPlace, attribute: string, occurrence = 0): number {
  if (!source.startsWith(tag.name, tag.offset + 1)) return tag.offset;
  const pattern = /\s*([^\s=]+)\s*=\s*(?:"[^"]*"|'[^']*')/y;
  pattern.lastIndex = tag.offset + 1 + tag.name.length;
  let remaining = occurrence;
  for (let match = pattern.exec(source); match !== null; match = pattern.exec(source)) {
    if (match[1] === attribute && remaining-- === 0) return match.index + match[0].search(/\S/);
  }
  return tag.offset;
}
