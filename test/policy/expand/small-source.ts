/** A small source policy with something of everything that the expansion looks at: two CPUs, three subjects. */
export const SMALL_SOURCE = `<system>
 <config><boolean name="debug" value="false"/></config>
 <hardware>
  <processor cpuCores="2" speed="1000000" vmxTimerRate="5"><cpu apicId="0"/><cpu apicId="2"/></processor>
  <memory>
   <memoryBlock allocatable="false" name="low" physicalAddress="16#0000#" size="16#0009_f000#"/>
   <memoryBlock allocatable="true" name="ram" physicalAddress="16#0010_0000#" size="16#1000_0000#"/>
   <reservedMemory name="rmrr1" physicalAddress="16#2000_0000#" size="16#1000#"/>
  </memory>
  <devices pciConfigAddress="16#e000_0000#" pciConfigSize="16#1000_0000#">
   <device name="system_board">
    <ioPort end="16#0cf9#" name="reset" start="16#0cf9#"/>
    <ioPort end="16#0404#" name="pm1a_cnt" start="16#0404#"/>
    <capabilities><capability name="systemboard"/><capability name="pm1a_cnt_slp_typ">7168</capability></capabilities>
   </device>
   <device name="ioapic">
    <memory caching="UC" name="mem1" physicalAddress="16#fec0_0000#" size="16#1000#"/>
    <capabilities>
     <capability name="ioapic"/><capability name="gsi_base">0</capability>
     <capability name="max_redirection_entry">23</capability><capability name="source_id">16#f0f8#</capability>
    </capabilities>
   </device>
   <device name="iommu">
    <memory caching="UC" name="mmio" physicalAddress="16#fed9_0000#" size="16#1000#"/>
    <capabilities><capability name="iommu"/></capabilities>
   </device>
   <device name="serial"><ioPort end="16#03ff#" name="ports" start="16#03f8#"/></device>
   <device name="nic">
    <pci bus="16#00#" device="16#02#" function="0"><identification classcode="16#0200#" deviceId="16#1041#" revisionId="16#01#" vendorId="16#1af4#"/></pci>
    <irq name="irq1" number="16"><msi name="msi1"/><msi name="msi2"/></irq>
    <memory caching="UC" name="mem1" physicalAddress="16#f000_0000#" size="16#1000#"/>
    <memory caching="UC" name="mmconf" physicalAddress="16#e001_0000#" size="16#1000#"/>
    <reservedMemory ref="rmrr1"/>
   </device>
   <device name="disk">
    <pci bus="16#01#" device="16#03#" function="0"><identification classcode="16#0106#" deviceId="16#2922#" revisionId="16#02#" vendorId="16#8086#"/></pci>
    <irq name="irq1" number="17"/>
    <memory caching="UC" name="mem1" physicalAddress="16#f000_1000#" size="16#1000#"/>
    <reservedMemory ref="rmrr1"/>
   </device>
  </devices>
 </hardware>
 <platform>
  <mappings>
   <aliases>
    <alias name="network" physical="nic"><resource name="registers" physical="mem1"/></alias>
   </aliases>
   <classes><class name="disks"><device physical="disk"/></class></classes>
  </mappings>
  <kernelDiagnostics type="uart"><device physical="serial"><ioPort physical="ports"/></device></kernelDiagnostics>
 </platform>
 <memory>
  <memory caching="UC" name="crash_audit" physicalAddress="16#0100_0000#" size="16#1000#" type="subject_crash_audit"/>
  <memory caching="WB" name="shared" size="16#2000#"/>
  <memory caching="WB" name="own" size="16#1000#"/>
 </memory>
 <deviceDomains>
  <domain name="net">
   <memory><memory executable="false" logical="dma" physical="shared" virtualAddress="16#1000#" writable="true"/></memory>
   <devices><device logical="nic" mapReservedMemory="true" physical="nic"/></devices>
  </domain>
  <domain name="store">
   <memory><memory executable="false" logical="dma" physical="own" virtualAddress="16#4000_0000#" writable="true"/></memory>
   <devices><device logical="disks" physical="disks"/></devices>
  </domain>
 </deviceDomains>
 <events>
  <event mode="kernel" name="panic"/>
  <event mode="asap" name="wake"/>
  <event mode="self" name="tick"/>
 </events>
 <channels>
  <channel hasEvent="asap" name="data" size="16#1000#"/>
  <channel name="log" size="16#1000#"/>
 </channels>
 <components>
  <library name="liblog">
   <depends><library ref="libbase"/></depends>
   <requires><channels><writer logical="log" size="16#1000#" virtualAddress="16#3000_0000#"/></channels></requires>
  </library>
  <library name="libbase">
   <requires><memory><memory executable="false" logical="shared" size="16#2000#" virtualAddress="16#3100_0000#" writable="true"/></memory></requires>
  </library>
  <component name="worker" profile="native">
   <depends><library ref="liblog"/></depends>
   <requires>
    <channels><writer event="3" logical="out" size="16#1000#" virtualAddress="16#3200_0000#"/></channels>
    <devices>
     <device logical="console"><ioPort end="16#03ff#" logical="ports" start="16#03f8#"/></device>
     <device logical="store"><memory executable="false" logical="registers" size="16#1000#" virtualAddress="16#3300_0000#" writable="true"/></device>
    </devices>
    <events><source><event id="1" logical="tick"/></source><target><event logical="tock"><inject_interrupt vector="40"/></event></target></events>
   </requires>
   <provides><memory executable="true" logical="text" size="16#1000#" type="subject_binary" virtualAddress="16#0020_0000#" writable="false"><file filename="worker" offset="none"/></memory></provides>
  </component>
  <component name="sink" profile="native">
   <requires>
    <channels><reader logical="in" size="16#1000#" vector="50" virtualAddress="16#3200_0000#"/><reader logical="log" size="16#1000#" virtualAddress="16#3300_0000#"/></channels>
   </requires>
   <provides>
    <memory executable="true" logical="text" size="16#1000#" type="subject_binary" virtualAddress="16#0020_0000#" writable="false"><file filename="sink" offset="none"/></memory>
    <memory executable="true" logical="second" size="16#1000#" type="subject_binary" virtualAddress="16#0040_0000#" writable="false"><file filename="second" offset="none"/></memory>
   </provides>
  </component>
  <component name="plain" profile="native">
   <provides><memory executable="true" logical="text" size="16#1000#" type="subject_binary" virtualAddress="16#0040_0000#" writable="false"><file filename="plain" offset="none"/></memory></provides>
  </component>
 </components>
 <subjects>
  <subject name="one">
   <events><source><group name="vmx_exit"><default physical="panic"><system_panic/></default></group></source></events>
   <component ref="worker">
    <map logical="out" physical="data"/><map logical="log" physical="log"/><map logical="shared" physical="shared"/>
    <map logical="console" physical="serial"><map logical="ports" physical="ports"/></map>
    <map logical="store" physical="disk"><map logical="registers" physical="mem1"/></map>
    <map logical="tick" physical="tick"/><map logical="tock" physical="tick"/>
   </component>
  </subject>
  <subject name="two">
   <memory><memory executable="false" logical="own" physical="own" virtualAddress="16#4000_0000#" writable="true"/></memory>
   <devices>
    <device logical="net" physical="network"><memory executable="false" logical="registers" physical="registers" virtualAddress="16#4100_0000#" writable="true"/></device>
   </devices>
   <events>
    <source><group name="vmx_exit"><default physical="panic"><system_panic/></default></group><group name="vmcall"><event id="0" logical="wake" physical="wake"/></group></source>
   </events>
   <monitor><state logical="state" subject="three" virtualAddress="16#4200_0000#" writable="false"/></monitor>
   <component ref="sink"><map logical="in" physical="data"/><map logical="log" physical="log"/></component>
  </subject>
  <subject name="three">
   <vcpu><registers><gpr><rip>16#0040_0000#</rip></gpr></registers></vcpu>
   <events>
    <source><group name="vmx_exit"><default physical="panic"><system_panic/></default></group></source>
    <target><event logical="woken" physical="wake"/></target>
   </events>
   <component ref="plain"/>
  </subject>
 </subjects>
 <scheduling tickRate="1000">
  <partitions>
   <partition name="first"><group><subject name="tau0"/></group><group><subject name="one"/></group></partition>
   <partition name="second"><group><subject name="two"/></group></partition>
   <partition name="third"><group><subject name="three"/></group></partition>
  </partitions>
  <majorFrame>
   <cpu id="0"><minorFrame partition="first" ticks="10"/><minorFrame partition="third" ticks="10"/></cpu>
   <cpu id="1"><minorFrame partition="second" ticks="20"/></cpu>
  </majorFrame>
 </scheduling>
</system>
`;
