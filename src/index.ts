// The package's public API; everything else may change without notice.
export {
  type CheckPolicyOptions,
  check,
  type EntryJudgement,
  type LibraryReport,
  type OwnPropertyOptions,
  ownProperty,
  replayTrace,
  type SubjectEntry,
  type TraceReplay,
} from './cli/library.ts';
export { type Minimised, type MinimiseOptions, minimise } from './engine/minimise.ts';
export type {
  Area,
  Budget,
  CheckContext,
  Failure,
  Property,
  ScenarioSoftware,
  Task,
  TaskResult,
  Witness,
} from './engine/property.ts';
export type { PairCount, PropertyVerdict, TableCount, VerdictWord } from './engine/verdict.ts';
export { checkLiveness, type LivenessAnswer, type LivenessQuestion } from './explore/liveness.ts';
export { modelSystem } from './explore/model-system.ts';
export type { PackedSystem } from './explore/packed-system.ts';
export { breadthFirst, type SearchOptions, type SearchResult } from './explore/search.ts';
export { defineFault, type Fault } from './faults/fault.ts';
export { DirectApicBus } from './impl/platform/apic-bus.ts';
export { ApicPlatform, type PortBus } from './impl/platform/apic-platform.ts';
export { LocalApic } from './impl/platform/local-apic.ts';
export type { Seams } from './impl/seams.ts';
export { DEFAULT_CAPABILITIES, type VmxCapabilities } from './impl/vmx/capabilities.ts';
export { type Platform, VmxHooks } from './impl/vmx/vmx-hooks.ts';
export { CodeMode } from './impl/x86/code-mode.ts';
export type { CpuState } from './impl/x86/cpu-state.ts';
export { Decoder, DecodeStatus, newInstruction } from './impl/x86/decoder.ts';
export { type CodePlace, disassemble } from './impl/x86/disassembler.ts';
export { type EncodeRequest, encode } from './impl/x86/encoder.ts';
export type { SystemHooks } from './impl/x86/hooks.ts';
export { Interpreter } from './impl/x86/interpreter.ts';
export type { Processor } from './impl/x86/processor.ts';
export { X86Processor } from './impl/x86/x86-processor.ts';
export type { ModelInstance } from './model/model.ts';
export { allocatePolicy } from './policy/allocate/allocate.ts';
export { checkPolicy, type PolicyCheck } from './policy/check.ts';
export { type BootFile, type BootFiles, bootFiles } from './policy/derive/boot-files.ts';
export { addMemoryHashes, type HashInputs } from './policy/derive/memory-hashes.ts';
export type { PolicyDocument } from './policy/document.ts';
export { expandPolicy } from './policy/expand/expand.ts';
export type { Finding, Severity } from './policy/finding.ts';
export { type ParsedPolicy, parsePolicy, readPolicy } from './policy/parse.ts';
export { allocateVirtual } from './policy/source/allocate-virtual.ts';
export { joinComponents } from './policy/source/join.ts';
export { type MergeInputs, mergePolicy } from './policy/source/merge.ts';
export { readSource, type SourceInputs, type SourcePolicy, type SourceStage } from './policy/source/read-source.ts';
export type { PolicyFiles } from './policy/source/source-files.ts';
export { bringTo, formatOf, type PolicyFormat } from './policy/toolchain.ts';
export { type PolicyTree, parseTree, type TreeElement, toXmlDocument } from './policy/tree.ts';
export { writeTree } from './policy/tree-write.ts';
export type { ToolOutcome } from './policy/workspace.ts';
export type { GivenFile } from './refinement/structures/given.ts';
export type { CheckReport } from './report/check-report.ts';
export type { RunSpec, Trace, TraceBody, TraceOutcome } from './trace/trace.ts';
export type { Operation } from './units/operation.ts';
export type { Result } from './units/result.ts';
