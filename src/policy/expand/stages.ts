import { addBarriers } from './barriers.ts';
import { addChannelEvents, addChannelMappings, addChannelMemory, removeChannels } from './channels.ts';
import { CHANNEL_CHECKS, EVENT_CHECKS } from './checks/communication.ts';
import { COMPONENT_CHECKS } from './checks/components.ts';
import { HARDWARE_CHECKS, RESERVED_MEMORY_CHECKS } from './checks/hardware.ts';
import { LIBRARY_CHECKS } from './checks/libraries.ts';
import { LOADING_CHECKS } from './checks/loading.ts';
import type { SourceCheck } from './checks/source-check.ts';
import { SCHEDULING_CHECKS, SIBLING_CHECKS, SUBJECT_CHECKS } from './checks/subjects.ts';
import { addChannelArrays, addMemoryArrays } from './component-arrays.ts';
import { addLibraryResources } from './component-libraries.ts';
import {
  addComponentChannels,
  addComponentDevices,
  addComponentEvents,
  addComponentMemory,
  addProfiles,
  addProvidedMemory,
  addSiblingProfiles,
  removeComponentReferences,
  removeComponents,
} from './component-resources.ts';
import { addDomainIds, addDomainSkeleton, mapSubjectMemory } from './device-domains.ts';
import { addLogicalMsis, addMsiNumbers, decidePciMsi, removeMsiParents } from './device-interrupts.ts';
import { addDeviceVectors, addUnmaskEvents } from './device-vectors.ts';
import type { Stage } from './expander.ts';
import { addIdleSubjects, addTau0 } from './generated-subjects.ts';
import { addIommuCapabilities, addKernelDevices } from './kernel-devices.ts';
import {
  addBinaryMappings,
  addKernelSkeleton,
  mapCrashAudit,
  mapFpuStates,
  mapInterrupts,
  mapMicrocode,
  mapMsrStores,
  mapSchedulingInfo,
  mapSubjectStates,
  mapTau0Interface,
  mapTimedEvents,
  mapVmcs,
} from './kernel-mappings.ts';
import { expandProfiles } from './linux-profile.ts';
import { expandLoaders } from './loaders.ts';
import { addDeviceAddresses, addDeviceMemoryAddresses, addDeviceResources } from './logical-devices.ts';
import {
  addFpuStates,
  addInterruptPages,
  addKernelCpuMemory,
  addKernelSharedMemory,
  addKernelStacks,
  addMissingAttributes,
  addSchedulingInfoRegions,
  addSubjectBitmaps,
  addSubjectStates,
  addTau0Interface,
  addTimedEventPages,
  addTrampoline,
  addVmcsRegions,
  addVmxonRegions,
} from './memory-regions.ts';
import { addMissingElements, mergeBootparams } from './missing-elements.ts';
import { addMsrStores } from './msr-stores.ts';
import { addDomainTables, addKernelTables, addSubjectTables } from './page-tables.ts';
import { addAliasResources, addPlatformSkeleton, resolveAliases, resolveClasses } from './platform.ts';
import { addCpuIds } from './processors.ts';
import {
  addReservedBlocks,
  addReservedMappings,
  addReservedRegions,
  removeReservedAttributes,
  removeReservedReferences,
  removeReservedRegions,
} from './reserved-memory.ts';
import { addGroupIds, addPartitionCpus, addPartitionIds } from './scheduling-ids.ts';
import { shareSiblingMemory } from './sibling-memory.ts';
import { addDefaultEvents, addTargetEventIds, resolveAsapEvents } from './subject-events.ts';
import { addGlobalIds, addLocalIds, addSubjectCpus } from './subject-ids.ts';
import {
  addMonitorMappings,
  addSinfoRegions,
  mapSubjectSchedulingInfo,
  mapSubjectTimedEvents,
  removeMonitors,
} from './subject-mappings.ts';

/** The expansion of a source policy to format A: stages in order, and in each its steps in order. */
export const STAGES: readonly Stage[] = [
  {
    name: 'stage0',
    checks: LIBRARY_CHECKS,
    expanders: [
      { name: 'Subjects.Add_Missing_Elements', expand: addMissingElements },
      { name: 'Subjects.Merge_Bootparams', expand: mergeBootparams },
      { name: 'Platform.Add_Section_Skeleton', expand: addPlatformSkeleton },
      { name: 'Platform.Add_Subject_Device_Resources', expand: addAliasResources },
      { name: 'Platform.Resolve_Device_Aliases', expand: resolveAliases },
      { name: 'Platform.Resolve_Device_Classes', expand: resolveClasses },
      { name: 'Components.Add_Memory_Arrays', expand: addMemoryArrays },
      { name: 'Components.Add_Channel_Arrays', expand: addChannelArrays },
      { name: 'Components.Add_Library_Resources', expand: addLibraryResources },
    ],
  },
  {
    name: 'stage1',
    checks: [...RESERVED_MEMORY_CHECKS, ...COMPONENT_CHECKS, ...SIBLING_CHECKS],
    expanders: [
      { name: 'Memory.Add_Reserved_Memory_Regions', expand: addReservedRegions },
      { name: 'Hardware.Add_Reserved_Memory_Blocks', expand: addReservedBlocks },
      { name: 'Hardware.Remove_Reserved_Mem_Regions', expand: removeReservedRegions },
      { name: 'Hardware.Add_MSI_IRQ_Numbers', expand: addMsiNumbers },
      { name: 'Hardware.Add_Processor_CPU_IDs', expand: addCpuIds },
      { name: 'Components.Add_Provided_Memory', expand: addProvidedMemory },
      { name: 'Components.Add_Channels', expand: addComponentChannels },
      { name: 'Components.Add_Memory', expand: addComponentMemory },
      { name: 'Components.Add_Devices', expand: addComponentDevices },
      { name: 'Components.Add_Events', expand: addComponentEvents },
      { name: 'Components.Add_Subject_Profile_VCPU', expand: addProfiles },
      { name: 'Components.Remove_Components', expand: removeComponents },
      { name: 'Components.Remove_Component_Reference', expand: removeComponentReferences },
      { name: 'Siblings.Add_Subject_Profile_VCPU', expand: addSiblingProfiles },
      { name: 'Channels.Add_Physical_Memory', expand: addChannelMemory },
      { name: 'Subjects.Add_Channel_Mappings', expand: addChannelMappings },
      { name: 'Subjects.Add_Channel_Events', expand: addChannelEvents },
    ],
  },
  {
    name: 'stage2',
    checks: [
      ...SUBJECT_CHECKS,
      ...LOADING_CHECKS,
      ...CHANNEL_CHECKS,
      ...EVENT_CHECKS,
      ...HARDWARE_CHECKS,
      ...SCHEDULING_CHECKS,
    ],
    expanders: [
      { name: 'Hardware.Add_PCI_Device_MSI_IRQs', expand: decidePciMsi },
      { name: 'Subjects.Remove_Channel_Elements', expand: removeChannels },
      { name: 'Scheduling.Add_Partition_IDs', expand: addPartitionIds },
      { name: 'Scheduling.Add_Group_IDs', expand: addGroupIds },
      { name: 'Scheduling.Add_Partition_CPU_IDs', expand: addPartitionCpus },
      { name: 'Subjects.Add_Tau0', expand: addTau0 },
      { name: 'Subjects.Add_Mugensched_Idle_Subjects', expand: addIdleSubjects },
      { name: 'Subjects.Add_Global_IDs', expand: addGlobalIds },
      { name: 'Subjects.Add_CPU_IDs', expand: addSubjectCpus },
      { name: 'Subjects.Add_Local_IDs', expand: addLocalIds },
      { name: 'Memory.Add_Missing_Attributes', expand: addMissingAttributes },
      { name: 'Memory.Add_Kernel_Shared_Memory', expand: addKernelSharedMemory },
      { name: 'Memory.Add_Kernel_CPU_Local_Memory', expand: addKernelCpuMemory },
      { name: 'Memory.Add_Kernel_Stack', expand: addKernelStacks },
      { name: 'Memory.Add_Subject_States', expand: addSubjectStates },
      { name: 'Memory.Add_Subject_Timed_Event_Pages', expand: addTimedEventPages },
      { name: 'Memory.Add_Subject_Interrupts_Pages', expand: addInterruptPages },
      { name: 'Memory.Add_Subject_FPU_State_Regions', expand: addFpuStates },
      { name: 'Memory.Add_Tau0_Interface', expand: addTau0Interface },
      { name: 'Memory.Add_AP_Trampoline', expand: addTrampoline },
      { name: 'Memory.Add_VMXON_Regions', expand: addVmxonRegions },
      { name: 'Memory.Add_VMCS_Regions', expand: addVmcsRegions },
      { name: 'Memory.Add_Subject_Bitmaps', expand: addSubjectBitmaps },
      { name: 'Memory.Add_Scheduling_Info_Regions', expand: addSchedulingInfoRegions },
      { name: 'Kernel.Add_Section_Skeleton', expand: addKernelSkeleton },
      { name: 'Kernel.Add_Binary_Mappings', expand: addBinaryMappings },
      { name: 'Kernel.Add_Subj_State_Mappings', expand: mapSubjectStates },
      { name: 'Kernel.Add_Subj_Timed_Event_Mappings', expand: mapTimedEvents },
      { name: 'Kernel.Add_Subj_Interrupts_Mappings', expand: mapInterrupts },
      { name: 'Kernel.Add_Subj_VMCS_Mappings', expand: mapVmcs },
      { name: 'Kernel.Add_Subj_FPU_State_Mappings', expand: mapFpuStates },
      { name: 'Kernel.Add_Scheduling_Info_Mappings', expand: mapSchedulingInfo },
      { name: 'Kernel.Add_Crash_Audit_Mappings', expand: mapCrashAudit },
      { name: 'Kernel.Add_Microcode_Mappings', expand: mapMicrocode },
      { name: 'Kernel.Map_Tau0_Interface', expand: mapTau0Interface },
      { name: 'Kernel.Add_Devices', expand: addKernelDevices },
      { name: 'Subjects.Add_Sinfo_Regions', expand: addSinfoRegions },
      { name: 'Subjects.Handle_Monitors', expand: addMonitorMappings },
      { name: 'Subjects.Add_Scheduling_Info_Mappings', expand: mapSubjectSchedulingInfo },
      { name: 'Subjects.Add_Timed_Event_Mappings', expand: mapSubjectTimedEvents },
      { name: 'Subjects.Add_Default_Events', expand: addDefaultEvents },
      { name: 'Subjects.Add_Device_BDFs', expand: addDeviceAddresses },
      { name: 'Subjects.Add_Device_Resources', expand: addDeviceResources },
      { name: 'Subjects.Add_Device_Memory_Mappings', expand: addDeviceMemoryAddresses },
      { name: 'Subjects.Add_Device_MSIs', expand: addLogicalMsis },
      { name: 'Subjects.Add_Device_Vectors', expand: addDeviceVectors },
      { name: 'Subjects.Add_Unmask_IRQ_Events', expand: addUnmaskEvents },
      { name: 'Subjects.Remove_Device_MSIs', expand: removeMsiParents },
      { name: 'Subjects.Handle_Profile', expand: expandProfiles },
      { name: 'Subjects.Add_Target_Event_IDs', expand: addTargetEventIds },
      { name: 'Siblings.Add_Memory', expand: shareSiblingMemory },
      { name: 'Events.Handle_Asap_Events', expand: resolveAsapEvents },
      { name: 'Subjects.Handle_Loaders', expand: expandLoaders },
      { name: 'Subjects.Remove_Monitors', expand: removeMonitors },
      { name: 'Device_Domains.Add_Section_Skeleton', expand: addDomainSkeleton },
      { name: 'Device_Domains.Map_Subject_Memory', expand: mapSubjectMemory },
      { name: 'Scheduling.Add_Barrier_Configs', expand: addBarriers },
      { name: 'Memory.Add_Subject_MSR_Store', expand: addMsrStores },
      { name: 'Kernel.Add_Subj_MSR_Store_Mappings', expand: mapMsrStores },
      { name: 'Memory.Add_Kernel_PTs', expand: addKernelTables },
      { name: 'Memory.Add_Subject_PTs', expand: addSubjectTables },
      { name: 'Hardware.Add_IOMMU_Default_Caps', expand: addIommuCapabilities },
      { name: 'Device_Domains.Add_Reserved_Memory_Region_Mappings', expand: addReservedMappings },
      { name: 'Device_Domains.Add_Tables', expand: addDomainTables },
      { name: 'Device_Domains.Add_Domain_IDs', expand: addDomainIds },
      { name: 'Device_Domains.Remove_Map_Reserved_Mem_Attribute', expand: removeReservedAttributes },
      { name: 'Hardware.Remove_Reserved_Mem_References', expand: removeReservedReferences },
    ],
  },
];

/** Every check of the expansion. */
export const SOURCE_CHECKS: readonly SourceCheck[] = STAGES.flatMap(({ checks }) => checks);
