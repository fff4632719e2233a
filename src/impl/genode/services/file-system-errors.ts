/** Exceptions of the File_system interface, by letter. */
const FS_ERRORS: Readonly<Record<string, string>> = {
  H: 'Invalid_handle',
  N: 'Invalid_name',
  L: 'Lookup_failed',
  T: 'Name_too_long',
  E: 'Node_already_exists',
  S: 'No_space',
  M: 'Not_empty',
  P: 'Permission_denied',
  U: 'Unavailable',
  R: 'Out_of_ram',
  C: 'Out_of_caps',
};
/** Names of exceptions by their letters. */
export const fileSystemErrors = (letters: string): string[] => [...letters].map(letter => FS_ERRORS[letter]!);
