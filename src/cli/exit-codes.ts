/** Exit codes of every command; `explain exit-codes`, the help and the README print this table. */
export const EXIT_CODES = [
  { code: 0, name: 'holds', meaning: 'all selected properties hold' },
  { code: 1, name: 'refuted', meaning: 'at least one property is refuted, or a seeded fault survives' },
  { code: 2, name: 'usage', meaning: 'the command line is wrong' },
  { code: 3, name: 'invalid', meaning: 'the policy is invalid' },
  { code: 4, name: 'open', meaning: 'a verdict is inconclusive or vacuous' },
  { code: 5, name: 'differs', meaning: 'the replay did not reproduce the recorded outcome' },
  { code: 70, name: 'internal', meaning: 'internal error of muencheck' },
  { code: 130, name: 'interrupted', meaning: 'interrupted; a partial report is valid' },
] as const;

export type ExitCode = (typeof EXIT_CODES)[number]['code'];

export const EXIT = {
  holds: 0,
  refuted: 1,
  usage: 2,
  invalid: 3,
  open: 4,
  differs: 5,
  internal: 70,
  interrupted: 130,
} as const satisfies Record<(typeof EXIT_CODES)[number]['name'], ExitCode>;
