; Control, debug and model-specific registers, descriptor tables, privileged instructions in 64-bit mode; see check.inc.
org 0x100000
bits 32
        jmp entry
        align 8
entry:
%include "long-mode.inc"
%include "wide64.inc"
%include "check.inc"
%include "check64.inc"
TEST_GDT_BYTES equ 0x200

; An instruction that ring 3 may not execute.
%macro forbidden 2+
check %1
        user
        %2
        leave_user
        done
%endmacro

long_mode:
        call check_setup
        set_msr 0xc0000080, 0xd01

; Descriptor tables.
check "SGDT: limit and base"
        sgdt [scratch]
        movzx eax, word [scratch]
        show rax
        mov rax, [scratch + 2]
        sub rax, test_gdt
        done
check "SIDT: limit and base"
        sidt [scratch]
        movzx eax, word [scratch]
        show rax
        mov rax, [scratch + 2]
        sub rax, idt
        done
check "LGDT: not canonical base"
        not_on_qemu
        mov rax, 0x800000000000
        mov [scratch + 2], rax
        mov word [scratch], 0xff
        lgdt [scratch]
        done
        lgdt [test_gdt_pointer]
check "LIDT: not canonical base"
        mov rax, 0x800000000000
        mov [scratch + 2], rax
        mov word [scratch], 0xff
        lidt [scratch]
        done
        lidt [idt_pointer]
check "LGDT: 66 keeps 64 bits of the base"
        sgdt [scratch]
        db 0x66
        lgdt [scratch]
        sgdt [scratch + 16]
        mov rax, [scratch + 18]
        sub rax, [scratch + 2]
        done
check "SLDT: register keeps no upper bits"
        mov rax, -1
        sldt eax
        done
check "SLDT: 16-bit register keeps the upper bits"
        mov rax, 0x1122334455667788
        sldt ax
        done
check "STR: 64-bit register"
        mov rax, -1
        str rax
        done
check "STR: memory takes 16 bits"
        mov qword [scratch], -1
        str [scratch]
        mov rax, [scratch]
        done
check "LLDT: null"
        xor eax, eax
        lldt ax
        sldt eax
        done
check "LLDT: an LDT"
        mov eax, 0x80
        lldt ax
        sldt eax
        done
check "LDT: load of a segment of it"
        mov eax, 0x0c
        mov fs, eax
        mov ax, fs
        done
check "LDT: beyond its limit"
        mov eax, 0x14
        mov fs, eax
        done
check "LLDT: not present"
        mov eax, 0x90
        lldt ax
        done
check "LLDT: a selector of the LDT"
        mov eax, 0x0c
        lldt ax
        done
check "LLDT: upper half beyond the limit"
        mov eax, 0x1f8
        lldt ax
        done
check "LLDT: from memory"
        mov word [scratch], 0
        lldt [scratch]
        sldt eax
        done
check "segment of an LDT that is null"
        mov eax, 0x0c
        mov gs, eax
        done
check "LTR: null"
        xor eax, eax
        ltr ax
        done
check "LTR: not present"
        mov eax, 0xa0
        ltr ax
        done
check "LTR: 16-bit TSS"
        mov eax, 0xb0
        ltr ax
        done
check "LTR: becomes busy"
        mov eax, 0xc0
        ltr ax
        mov eax, [test_gdt + 0xc4]
        show rax
        str eax
        done
        and byte [test_gdt + 0x1d], ~2
        mov eax, 0x18
        ltr ax

; LAR, LSL, VERR, VERW.
%macro inspect 2
check %1
        mov ecx, %2
        mov rax, -1
        lar rax, ecx
        setz bl
        show rax
        show rbx
        mov rax, -1
        lsl rax, ecx
        setz bl
        show rax
        show rbx
        verr cx
        setz al
        verw cx
        setz ah
        movzx eax, ax
        done
%endmacro
inspect "inspect: null", 3
inspect "inspect: code", 8
inspect "inspect: data", 0x10
inspect "inspect: TSS", 0x18
inspect "inspect: 32-bit code", 0x28
inspect "inspect: data of ring 3", 0x33
inspect "inspect: code of ring 3 with RPL 0", 0x38
inspect "inspect: 16-bit data", 0x50
inspect "inspect: LDT", 0x80
inspect "inspect: LDT, not present", 0x90
inspect "inspect: 16-bit TSS", 0xb0
inspect "inspect: call gate", 0xd0
inspect "inspect: interrupt gate", 0xe0
inspect "inspect: execute-only code", 0xf0
inspect "inspect: conforming code with RPL 3", 0xfb
inspect "inspect: read-only data", 0x100
inspect "inspect: expand-down data", 0x108
inspect "inspect: page-granular limit", 0x110
inspect "inspect: data of ring 0 with RPL 3", 0x13
inspect "inspect: beyond the limit", 0x200
check "LAR: 16-bit operand"
        mov eax, 0x11223344
        mov ecx, 0x28
        lar ax, cx
        done
check "LSL: 32-bit operand from memory"
        mov dword [scratch], 0xffff0028
        lsl eax, word [scratch]
        done
check "LAR: ring 3 asks for ring 0 data"
        user
        mov ecx, 0x10
        lar eax, ecx
        setz al
        leave_user
        done

; Control registers.
check "MOV CR0: PG without PE"
        not_on_qemu
        mov rax, cr0
        and eax, ~1
        mov cr0, rax
        done
        call restore_controls
check "MOV CR0: NW without CD"
        mov rax, cr0
        and eax, ~0x40000000
        or eax, 0x20000000
        mov cr0, rax
        done
        call restore_controls
check "MOV CR0: upper half"
        mov rax, cr0
        bts rax, 32
        mov cr0, rax
        done
        call restore_controls
check "MOV CR0: PG cleared in 64-bit mode"
        not_on_qemu
        mov rax, cr0
        and eax, 0x7fffffff
        mov cr0, rax
        done
        call restore_controls
check "MOV CR0: ET stays"
        mov rax, cr0
        and eax, ~0x10
        mov cr0, rax
        mov rax, cr0
        and eax, 0x3f
        done
        call restore_controls
check "MOV CR0: undefined bits"
        mov rax, cr0
        mov rbx, rax
        or eax, 0x8000
        mov cr0, rax
        mov rax, cr0
        xor rax, rbx
        done
        call restore_controls
check "MOV CR4: reserved bit"
        not_on_qemu
        mov rax, cr4
        bts rax, 31
        mov cr4, rax
        done
        call restore_controls
check "MOV CR4: upper half"
        not_on_qemu
        mov rax, cr4
        bts rax, 40
        mov cr4, rax
        done
        call restore_controls
check "MOV CR4: PAE cleared in 64-bit mode"
        not_on_qemu
        mov rax, cr4
        and eax, ~0x20
        mov cr4, rax
        done
        call restore_controls
check "MOV CR4: PCIDE while CR3 names a PCID"
        mov rax, cr3
        or rax, 1
        mov cr3, rax
        mov rax, cr4
        bts rax, 17
        mov cr4, rax
        done
        call restore_controls
check "MOV CR3: beyond the physical-address width"
        not_on_qemu
        mov rax, cr3
        bts rax, 60
        mov cr3, rax
        done
        call restore_controls
check "MOV CR3: bit 63 without PCIDs"
        not_on_qemu
        mov rax, cr3
        bts rax, 63
        mov cr3, rax
        done
        call restore_controls
check "MOV CR2: any value"
        mov rax, 0xffff8000deadbeef
        mov cr2, rax
        xor eax, eax
        mov rax, cr2
        done
check "MOV CR8: 15"
        mov eax, 15
        mov cr8, rax
        xor eax, eax
        mov rax, cr8
        done
check "MOV CR8: 16"
        mov eax, 16
        mov cr8, rax
        done
        xor eax, eax
        mov cr8, rax
check "MOV CR1"
        db 0x0f, 0x20, 0xc8
        done
check "MOV CR5"
        db 0x0f, 0x22, 0xe8
        done
check "MOV CR9"
        db 0x44, 0x0f, 0x20, 0xc8
        done
check "MOV CR: ModRM.mod is ignored"
        db 0x0f, 0x20, 0x10
        mov rax, 0x5a
        mov cr2, rax
        xor eax, eax
        db 0x0f, 0x20, 0x10
        done
check "LOCK MOV CR0"
        db 0xf0, 0x0f, 0x20, 0xc0
        done
check "CLTS"
        set_bits cr0, 8
        mov rax, cr0
        and eax, 8
        show rax
        clts
        mov rax, cr0
        and eax, 8
        done
check "x87 while TS is set"
        set_bits cr0, 8
        fnop
        done
        clts
check "SMSW: 16-bit register"
        mov rax, 0x1122334455667788
        smsw ax
        and ax, 0xf
        done
check "SMSW: 32-bit register"
        mov rax, -1
        smsw eax
        and eax, 0xffff
        done
check "SMSW: 64-bit register"
        smsw rax
        and eax, 0xffff
        done
check "SMSW: memory"
        mov qword [scratch], -1
        smsw [scratch]
        mov rax, [scratch]
        done
check "LMSW: cannot clear PE, sets TS"
        mov eax, 8
        lmsw ax
        smsw eax
        and eax, 0xf
        done
check "LMSW: from memory clears TS"
        mov word [scratch], 3
        lmsw [scratch]
        smsw eax
        and eax, 0xf
        done
        clear_bits cr0, 0xe
check "XGETBV without OSXSAVE"
        xgetbv
        done
check "XSETBV without OSXSAVE"
        xsetbv
        done
        set_bits cr4, 0x40000
check "XGETBV"
        xgetbv
        and eax, 1
        done
check "XGETBV: absent register"
        mov ecx, 5
        xgetbv
        done
check "XSETBV: x87"
        mov eax, 1
        xsetbv
        mov eax, 0x77
        xgetbv
        done
check "XSETBV: without x87"
        xor eax, eax
        xsetbv
        done
check "XSETBV: absent register"
        mov ecx, 1
        mov eax, 1
        xsetbv
        done
check "XSETBV: reserved bit"
        mov edx, 0x80000000
        mov eax, 1
        xsetbv
        done
check "CPUID: OSXSAVE"
        mov eax, 1
        cpuid
        xor eax, eax
        bt ecx, 27
        setc al
        done
        clear_bits cr4, 0x40000

; Debug registers.
check "DR: at reset"
        mov rax, dr6
        show rax
        mov rax, dr7
        done
check "MOV DR0 .. DR3"
        mov rax, 0xffff800012345678
        mov dr0, rax
        mov rbx, 0x1122334455667788
        mov dr3, rbx
        xor eax, eax
        mov rax, dr0
        show rax
        mov rax, dr3
        done
check "MOV DR6: fixed bits"
        xor eax, eax
        mov dr6, rax
        mov rax, dr6
        show rax
        mov eax, 0xe00f
        mov dr6, rax
        mov rax, dr6
        done
check "MOV DR6: upper half"
        bts rax, 32
        mov dr6, rax
        done
check "MOV DR7: upper half"
        bts rax, 32
        mov dr7, rax
        done
check "MOV DR7: fixed bits"
        mov eax, 0xffff0000
        mov dr7, rax
        mov rax, dr7
        done
        mov eax, 0x400
        mov dr7, rax
check "DR4 is DR6 without DE"
        mov eax, 0x4000
        mov dr6, rax
        db 0x0f, 0x21, 0xe0
        done
check "DR5 is DR7 without DE"
        db 0x0f, 0x21, 0xe8
        done
        set_bits cr4, 8
check "DR4 with DE"
        db 0x0f, 0x21, 0xe0
        done
check "DR5 with DE"
        db 0x0f, 0x23, 0xe8
        done
        clear_bits cr4, 8
check "DR9"
        db 0x44, 0x0f, 0x21, 0xc8
        done
        xor eax, eax
        mov dr6, rax
check "DR7.GD"
        mov eax, 0x2400
        mov dr7, rax
        mov rax, dr0
        done
check "DR6 and DR7 after GD"
        mov rax, dr6
        show rax
        mov rax, dr7
        done
        xor eax, eax
        mov dr6, rax

; Model-specific registers.
check "RDMSR: absent"
        mov ecx, 0x12345678
        rdmsr
        done
check "WRMSR: absent"
        mov ecx, 0x12345678
        wrmsr
        done
check "RDMSR: clears the upper halves"
        mov rax, -1
        mov rdx, -1
        mov ecx, 0xc0000080
        rdmsr
        show rdx
        done
check "RDMSR: upper half of RCX is ignored"
        mov rcx, 0x1c0000080
        rdmsr
        done
check "EFER: LME changes while paging is on"
        mov ecx, 0xc0000080
        rdmsr
        btc eax, 8
        wrmsr
        done
        set_msr 0xc0000080, 0xd01
check "EFER: LMA is read-only"
        mov ecx, 0xc0000080
        rdmsr
        btc eax, 10
        wrmsr
        rdmsr
        done
check "STAR"
        set_msr 0xc0000081, 0x1122334455667788
        xor eax, eax
        rdmsr
        show rdx
        done
check "CSTAR: not canonical"
        set_msr 0xc0000083, 0x800000000000
        done
check "FMASK"
        set_msr 0xc0000084, 0x12345678
        xor eax, eax
        rdmsr
        done
check "FS_BASE: not canonical"
        set_msr 0xc0000100, 0x800000000000
        done
check "GS_BASE: the segment's base"
        set_msr 0xc0000101, scratch
        mov dword [scratch + 4], 0x4711
        mov eax, [gs:4]
        done
check "KERNEL_GS_BASE: not canonical"
        set_msr 0xc0000102, 0xffff000000000000
        done
check "SWAPGS"
        set_msr 0xc0000101, 0x1000
        set_msr 0xc0000102, 0xffff800000000000
        swapgs
        mov ecx, 0xc0000101
        rdmsr
        show rdx
        show rax
        mov ecx, 0xc0000102
        rdmsr
        done
check "TSC_AUX"
        set_msr 0xc0000103, 0x12345678
        xor eax, eax
        rdmsr
        done
check "TSC_AUX: upper half"
        set_msr 0xc0000103, 0x112345678
        done
check "SYSENTER_ESP: not canonical"
        set_msr 0x175, 0x800000000000
        done
check "SYSENTER_EIP: not canonical"
        set_msr 0x176, 0x800000000000
        done
check "PAT: at reset"
        mov ecx, 0x277
        rdmsr
        show rdx
        done
check "PAT: reserved type"
        set_msr 0x277, 0x0007040600070402
        done

; Bases of FS and GS.
check "RDFSBASE without FSGSBASE"
        rdfsbase rax
        done
        set_bits cr4, 0x10000
check "WRFSBASE, RDFSBASE"
        mov rax, 0xffff800011112222
        wrfsbase rax
        xor eax, eax
        rdfsbase rax
        done
check "WRGSBASE, RDGSBASE: 32 bits"
        mov rax, 0xffff800011112222
        wrgsbase eax
        mov rax, -1
        rdgsbase eax
        done
check "WRGSBASE: not canonical"
        mov rax, 0x800000000000
        wrgsbase rax
        done
check "RDGSBASE: ring 3"
        mov eax, 0x4711
        wrgsbase rax
        user
        rdgsbase rax
        leave_user
        done
check "RDFSBASE: compatibility mode"
        kernel32
bits 32
        db 0xf3, 0x0f, 0xae, 0xc0
        wide
        done
        clear_bits cr4, 0x10000
        xor eax, eax
        mov fs, eax
        mov gs, eax

; Time stamps and CPUID.
check "RDTSC: goes on"
        rdtsc
        shl rdx, 32
        or rdx, rax
        mov rbx, rdx
        rdtsc
        shl rdx, 32
        or rdx, rax
        cmp rbx, rdx
        setb al
        movzx eax, al
        done
check "RDTSC: ring 3"
        user
        rdtsc
        xor eax, eax
        leave_user
        done
check "RDTSCP: TSC_AUX"
        mov rcx, -1
        rdtscp
        mov rax, rcx
        done
        set_bits cr4, 4
check "RDTSC: ring 3 with TSD"
        user
        rdtsc
        leave_user
        done
check "RDTSCP: ring 3 with TSD"
        user
        rdtscp
        leave_user
        done
check "RDTSC: ring 0 with TSD"
        rdtsc
        xor eax, eax
        done
        clear_bits cr4, 4
check "WRMSR: TSC"
        set_msr 0x10, 0x7000000000000000
        rdtsc
        mov eax, edx
        shr eax, 28
        done
check "RDPMC: absent counter"
        mov ecx, 0x3fffffff
        rdpmc
        done
check "CPUID: vendor, upper halves"
        mov rax, 0x1122334400000000
        mov rbx, -1
        mov rcx, -1
        mov rdx, -1
        cpuid
        show rbx
        show rdx
        mov rax, rcx
        done
check "CPUID: ring 3"
        user
        cpuid
        mov eax, ebx
        leave_user
        done

; STAC and CLAC, caches, INVPCID.
check "STAC, CLAC"
        stac
        pushfq
        pop rax
        and eax, 0x40000
        show rax
        clac
        pushfq
        pop rax
        and eax, 0x40000
        done
check "WBINVD"
        wbinvd
        done
check "INVD"
        invd
        done
check "PAUSE"
        pause
        done
check "INVLPG: not canonical"
        mov rbx, 0x800000000000
        invlpg [rbx]
        done
check "INVLPG: register operand"
        db 0x0f, 0x01, 0xfd
        done
check "INVPCID: all contexts"
        mov eax, 2
        invpcid rax, [zeros]
        done
check "INVPCID: type 4"
        mov eax, 4
        invpcid rax, [zeros]
        done
check "INVPCID: reserved bits"
        mov eax, 2
        mov qword [scratch], 0x1000
        invpcid rax, [scratch]
        done
check "INVPCID: a PCID without PCIDE"
        mov eax, 1
        mov qword [scratch], 1
        mov qword [scratch + 8], 0
        invpcid rax, [scratch]
        done
check "INVPCID: not canonical"
        mov qword [scratch], 0
        mov rbx, 0x800000000000
        mov [scratch + 8], rbx
        invpcid rax, [scratch]
        done

; What ring 3 may not do.
forbidden "ring 3: LGDT", lgdt [scratch]
forbidden "ring 3: LIDT", lidt [scratch]
forbidden "ring 3: LLDT", lldt ax
forbidden "ring 3: LTR", ltr ax
forbidden "ring 3: LMSW", lmsw ax
forbidden "ring 3: CLTS", clts
forbidden "ring 3: INVLPG", invlpg [scratch]
forbidden "ring 3: INVPCID", invpcid rax, [zeros]
forbidden "ring 3: INVD", invd
forbidden "ring 3: WBINVD", wbinvd
forbidden "ring 3: MOV from CR0", mov rax, cr0
forbidden "ring 3: MOV to CR3", mov cr3, rax
forbidden "ring 3: MOV to CR8", mov cr8, rax
forbidden "ring 3: MOV from DR7", mov rax, dr7
forbidden "ring 3: MOV to DR0", mov dr0, rax
forbidden "ring 3: RDMSR", rdmsr
forbidden "ring 3: WRMSR", wrmsr
forbidden "ring 3: HLT", hlt
forbidden "ring 3: CLI", cli
forbidden "ring 3: STI", sti
forbidden "ring 3: RDPMC", rdpmc
forbidden "ring 3: SWAPGS", swapgs
forbidden "ring 3: STAC", stac
forbidden "ring 3: CLAC", clac
forbidden "ring 3: SYSEXIT", sysexit
forbidden "ring 3: SYSRET", o64 sysret
        set_bits cr4, 0x40000
forbidden "ring 3: XSETBV", xsetbv
        clear_bits cr4, 0x40000
check "ring 3: SGDT, SIDT, SLDT, STR, SMSW"
        user
        sgdt [scratch]
        sidt [scratch]
        sldt eax
        smsw ebx
        str eax
        leave_user
        done

; VMX outside of VMX operation.
%macro refused 2+
check %1
        %2
        done
%endmacro
refused "VMCALL without VMX operation", vmcall
refused "VMLAUNCH without VMX operation", vmlaunch
refused "VMXOFF without VMX operation", vmxoff
refused "VMREAD without VMX operation", vmread rax, rbx
refused "VMPTRLD without VMX operation", vmptrld [scratch]
refused "INVEPT without VMX operation", db 0x66, 0x0f, 0x38, 0x80, 0x03
refused "VMXON without CR4.VMXE", vmxon [scratch]
refused "VMFUNC outside of a guest", db 0x0f, 0x01, 0xd4
        jmp check_end

; Control registers as long-mode.inc leaves them: emulators that accept what a test writes go on.
restore_controls:
        mov eax, 0x80010031
        mov cr0, rax
        mov eax, 0x20
        mov cr4, rax
        mov eax, 0x1000
        mov cr3, rax
        ret

        align 16
zeros:  dq 0, 0
scratch:
        times 64 db 0
local_table:
        dq 0
        dq 0x00cf93000000ffff
%include "check64-setup.inc"
%include "check-output.inc"
%include "serial.inc"
        align 16
; 0x80 LDT, 0x90 LDT not present, 0xa0 TSS not present, 0xb0 16-bit TSS, 0xc0 TSS, 0xd0 call gate, 0xe0 interrupt gate,
; 0xf0 execute-only code, 0xf8 conforming code, 0x100 read-only data, 0x108 expand-down data, 0x110 page-granular data.
test_gdt:
        times 0x80 db 0
        dw 15, address(local_table) & 0xffff, 0x8200 | (address(local_table) >> 16), 0
        dq 0
        dq 0x000002000000000f, 0
        dq 0x0000090000000067, 0
        dq 0x0000810000000067, 0
        dw 0x67, address(host_tss) & 0xffff, 0x8900 | (address(host_tss) >> 16), 0
        dq 0
        dq 0x00008c0000080000, 0
        dq 0x00008e0000080000, 0
        dq 0x00af99000000ffff
        dq 0x00af9f000000ffff
        dq 0x00cf91000000ffff
        dq 0x00cf97000000ffff
        dq 0x00c1930000001234
        times TEST_GDT_BYTES - ($ - test_gdt) db 0
