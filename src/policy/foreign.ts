/** Element and attribute names that tell another policy format from format B, and where they belong. */

const SOURCE = 'format source';

/** Elements of other formats and eras. */
export const FOREIGN_ELEMENTS: ReadonlyMap<string, string> = new Map(
  [
    'expressions',
    'expression',
    'if',
    'case',
    'when',
    'include',
    'template',
    'useTemplate',
    'amend',
    'channels',
    'channel',
    'components',
    'component',
    'library',
    'libraries',
    'monitor',
    'loader',
    'default',
    'mapSubjectMemory',
    'array',
    'reservedMemory',
  ].map(name => [name, SOURCE] as const),
);

/** Attributes of other formats and eras, as `element/@attribute`. */
export const FOREIGN_ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ['system/@originOfNode', SOURCE],
  ['device/@mapReservedMemory', SOURCE],
]);
