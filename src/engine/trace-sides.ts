import type { RunSpec, SubjectProgram, TraceBody } from '../trace/trace.ts';
import type { Operation } from '../units/operation.ts';

/** The runs of a body: none, one, or left and right. */
export function sidesOf(body: TraceBody): readonly RunSpec[] {
  if (body.kind === 'run') return [body.run];
  return body.kind === 'pair' ? [body.left, body.right] : [];
}

/** The body with its runs replaced. */
export function withSides(body: TraceBody, sides: readonly RunSpec[]): TraceBody {
  const [first, second] = sides;
  if (body.kind === 'run' && first !== undefined) return { ...body, run: first };
  if (body.kind === 'pair' && first !== undefined && second !== undefined)
    return { ...body, left: first, right: second };
  return body;
}

/** Applies a change to every run of a body. */
export const mapSides = (body: TraceBody, change: (run: RunSpec, side: number) => RunSpec): TraceBody =>
  withSides(body, sidesOf(body).map(change));

/** Operations of a subject's program; none for named software. */
export function operationsOf(run: RunSpec, subject: string): readonly Operation[] {
  const program = run.programs.find(candidate => candidate.subject === subject);
  return program !== undefined && 'operations' in program ? program.operations : [];
}

/** The run with another operation list for one subject. */
export function withOperations(run: RunSpec, subject: string, operations: readonly Operation[]): RunSpec {
  const programs = run.programs.map(
    (program): SubjectProgram =>
      program.subject === subject && 'operations' in program ? { ...program, operations } : program,
  );
  return { ...run, programs };
}

/** Names of all subjects that have a program, in order of appearance. */
export const subjectsOf = (body: TraceBody): readonly string[] => [
  ...new Set(sidesOf(body).flatMap(run => run.programs.map(program => program.subject))),
];
