; Two processors: INIT, start-up and fixed IPIs, NMI, priorities of the local APIC, x2APIC mode; see check.inc. The bootstrap processor
; prints; the other one starts at TRAMPOLINE, counts what it gets and answers.
org 0x100000
bits 32
%include "wide32.inc"
%include "check.inc"
%include "check32.inc"
APIC equ 0xfee00000
TRAMPOLINE equ 0x8000
SECOND_TRAMPOLINE equ 0x9000
; What the other processor leaves behind.
STARTED equ 0x700
START_CS equ 0x704
START_CR0 equ 0x708
START_FLAGS equ 0x70c
START_BASE equ 0x710
FIXED equ 0x714
NMIS equ 0x718
ID equ 0x71c
SECOND equ 0x720
ORDERED equ 0x724
COMMAND equ 0x728
ANSWERS equ 0x72c

; Writes the interrupt command register: destination, command.
%macro send 2
        mov dword [APIC + 0x310], (%1) << 24
        mov dword [APIC + 0x300], %2
%endmacro
; Waits until a counter has a value; -1 in EAX if it never gets it.
%macro await 2
        mov ecx, 2000000
%%next: mov eax, [%1]
        cmp eax, %2
        je %%end
        pause
        loop %%next
        mov eax, -1
%%end:
%endmacro
; Time for an interrupt that must not come.
%macro linger 0
        mov ecx, 20000
%%next: pause
        loop %%next
%endmacro

        mov esp, 0x90000
        call check_setup
        mov esi, trampoline
        mov edi, TRAMPOLINE
        mov ecx, trampoline_end - trampoline
        rep movsb
        mov esi, second_trampoline
        mov edi, SECOND_TRAMPOLINE
        mov ecx, second_trampoline_end - second_trampoline
        rep movsb
        mov edi, STARTED
        mov ecx, 16
        xor eax, eax
        rep stosd
        set_gate 0x60, 8, on_answer, 0x8e00
        set_gate 0x62, 8, on_ignored, 0x8e00
        set_gate 0x70, 8, on_low, 0x8e00
        set_gate 0x90, 8, on_high, 0x8e00
        set_gate 0x92, 8, on_high, 0x8e00
        mov dword [APIC + 0xf0], 0x1ff
        sti

check "bootstrap processor: IA32_APIC_BASE"
        mov ecx, 0x1b
        rdmsr
        done
check "bootstrap processor: id and version"
        mov eax, [APIC + 0x20]
        show eax
        mov eax, [APIC + 0x30]
        and eax, 0xff
        shr eax, 4
        done
check "before INIT: nothing has started"
        mov eax, [STARTED]
        done
check "INIT, start-up IPI"
        send 1, 0xc500
        linger
        send 1, 0x4608
        await STARTED, 1
        done
check "the other processor: CS, CR0, flags"
        await ID, 0x1000000
        show dword [START_CS]
        show dword [START_CR0]
        mov eax, [START_FLAGS]
        done
check "the other processor: IA32_APIC_BASE"
        mov eax, [START_BASE]
        done
check "second start-up IPI: nothing"
        send 1, 0x4608
        linger
        mov eax, [STARTED]
        done
check "fixed IPI, physical destination"
        send 1, 0x4061
        await FIXED, 1
        done
check "its answer"
        sti
        await ANSWERS, 1
        linger
        show dword [FIXED]
        mov eax, [ANSWERS]
        done
check "fixed IPI, logical destination"
        send 2, 0x4861
        await FIXED, 2
        linger
        mov eax, [FIXED]
        done
check "fixed IPI, all but self"
        send 0, 0xc4061
        await FIXED, 3
        linger
        mov eax, [FIXED]
        done
check "fixed IPI, broadcast"
        send 0xff, 0x4062
        await FIXED, 13
        linger
        mov eax, [FIXED]
        done
check "fixed IPI, logical destination of nobody"
        send 4, 0x4861
        linger
        mov eax, [FIXED]
        done
check "NMI"
        send 1, 0x4400
        await NMIS, 1
        done
check "NMI, again"
        send 1, 0x4400
        await NMIS, 2
        done
check "INIT: the processor waits"
        send 1, 0xc500
        linger
        mov eax, [SECOND]
        done
check "start-up IPI with another vector"
        send 1, 0x4609
        await SECOND, 1
        done

; Priorities of one local APIC.
check "self IPI"
        cli
        send 0, 0x44090
        linger
        mov eax, [APIC + 0x240]
        show eax
        sti
        nop
        mov eax, [ORDERED]
        done
        mov dword [ORDERED], 0
check "two pending: the higher first"
        cli
        send 0, 0x44070
        send 0, 0x44090
        linger
        sti
        nop
        nop
        nop
        mov eax, [ORDERED]
        done
        mov dword [ORDERED], 0
check "one class: no nesting"
        cli
        send 0, 0x44090
        send 0, 0x44092
        linger
        sti
        nop
        nop
        mov eax, [ORDERED]
        done
        mov dword [ORDERED], 0
check "TPR holds back"
        sti
        mov dword [APIC + 0x80], 0x90
        send 0, 0x44090
        linger
        mov ebx, [ORDERED]
        show ebx
        mov eax, [APIC + 0xa0]
        show eax
        mov dword [APIC + 0x80], 0x80
        linger
        mov dword [APIC + 0x80], 0
        mov eax, [ORDERED]
        done
        mov dword [ORDERED], 0
check "in service: PPR and ISR"
        sti
        set_gate 0x90, 8, on_service, 0x8e00
        send 0, 0x44090
        linger
        done
        mov dword [APIC + 0xb0], 0
        sti
check "illegal vector: error status"
        mov dword [APIC + 0x280], 0
        send 0, 0x44005
        linger
        mov dword [APIC + 0x280], 0
        mov eax, [APIC + 0x280]
        and eax, 0x60
        done
check "software disabled: LVT is masked"
        mov dword [APIC + 0x320], 0x70
        mov dword [APIC + 0xf0], 0xff
        mov eax, [APIC + 0x320]
        and eax, 0x10000
        done
        mov dword [APIC + 0xf0], 0x1ff
check "timer: one shot"
        sti
        mov dword [ORDERED], 0
        mov dword [APIC + 0x3e0], 0xb
        mov dword [APIC + 0x320], 0x70
        mov dword [APIC + 0x380], 20000
        await ORDERED, 0x70
        mov ebx, [APIC + 0x390]
        show ebx
        done
        mov dword [ORDERED], 0

; x2APIC mode.
check "x2APIC: MSR without the mode"
        not_on_qemu
        mov ecx, 0x802
        rdmsr
        done
check "x2APIC: id and version"
        not_on_qemu
        mov ecx, 0x1b
        rdmsr
        or eax, 0xc00
        wrmsr
        mov ecx, 0x802
        rdmsr
        show eax
        mov ecx, 0x803
        rdmsr
        and eax, 0xff
        shr eax, 4
        done
check "x2APIC: logical id"
        not_on_qemu
        mov ecx, 0x80d
        rdmsr
        done
check "x2APIC: destination format is gone"
        not_on_qemu
        mov ecx, 0x80e
        rdmsr
        done
check "x2APIC: write of a read-only register"
        not_on_qemu
        mov ecx, 0x802
        mov eax, 1
        wrmsr
        done
check "x2APIC: EOI takes zero alone"
        not_on_qemu
        mov ecx, 0x80b
        mov eax, 1
        wrmsr
        done
check "x2APIC: self IPI"
        not_on_qemu
        set_gate 0x90, 8, on_high_x2, 0x8e00
        sti
        mov ecx, 0x83f
        mov eax, 0x90
        xor edx, edx
        wrmsr
        linger
        mov eax, [ORDERED]
        done
        mov dword [ORDERED], 0
check "x2APIC: IPI by the command register"
        not_on_qemu
        mov dword [COMMAND], 1
        await COMMAND, 2
        mov ecx, 0x830
        mov eax, 0x4064
        mov edx, 1
        wrmsr
        await FIXED, 0x100
        done
check "x2APIC: back to xAPIC is refused"
        not_on_qemu
        mov ecx, 0x1b
        rdmsr
        and eax, ~0x400
        wrmsr
        done
        jmp check_end

on_answer:
        inc dword [ANSWERS]
        mov dword [APIC + 0xb0], 0
        iretd
on_ignored:
        mov dword [APIC + 0xb0], 0
        iretd
; Handlers append their vector to ORDERED.
on_low: shl dword [ORDERED], 8
        or dword [ORDERED], 0x70
        mov dword [APIC + 0xb0], 0
        iretd
on_high:
        shl dword [ORDERED], 8
        or dword [ORDERED], 0x90
        mov dword [APIC + 0xb0], 0
        iretd
on_high_x2:
        or dword [ORDERED], 0x90
        push eax
        push ecx
        push edx
        xor eax, eax
        xor edx, edx
        mov ecx, 0x80b
        wrmsr
        pop edx
        pop ecx
        pop eax
        iretd
on_service:
        mov eax, [APIC + 0xa0]
        show eax
        mov eax, [APIC + 0x140]
        jmp finish

; The other processor, from real mode.
trampoline:
bits 16
        mov ax, cs
        mov ds, ax
        mov cx, ax
        xor ax, ax
        mov ds, ax
        mov [START_CS], cx
        mov eax, cr0
        mov [START_CR0], eax
        o32 lgdt [TRAMPOLINE + (trampoline_gdt - trampoline)]
        or al, 1
        and eax, ~0x60000000
        mov cr0, eax
        jmp dword 8:other_processor
trampoline_gdt:
        dw gdt_end - gdt - 1
        dd gdt
trampoline_end:

second_trampoline:
        xor ax, ax
        mov ds, ax
        inc dword [SECOND]
        o32 lgdt [SECOND_TRAMPOLINE + (second_gdt - second_trampoline)]
        mov eax, cr0
        or al, 1
        and eax, ~0x60000000
        mov cr0, eax
        jmp dword 8:second_processor
second_gdt:
        dw gdt_end - gdt - 1
        dd gdt
second_trampoline_end:
bits 32

other_processor:
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov esp, 0x87000
        pushfd
        pop dword [START_FLAGS]
        lidt [other_idt_pointer]
        mov ecx, 0x1b
        rdmsr
        mov [START_BASE], eax
        mov dword [APIC + 0xf0], 0x1ff
        mov dword [APIC + 0xd0], 0x02000000
        mov eax, [APIC + 0x20]
        mov [ID], eax
        inc dword [STARTED]
        sti
.wait:  hlt
        jmp .wait
; A processor that was started anew waits for the command to change to x2APIC mode.
second_processor:
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov esp, 0x87000
        lidt [other_idt_pointer]
        mov dword [APIC + 0xf0], 0x1ff
.wait:  pause
        cmp dword [COMMAND], 1
        jne .wait
        mov ecx, 0x1b
        rdmsr
        or eax, 0xc00
        wrmsr
        mov ecx, 0x80f
        mov eax, 0x1ff
        xor edx, edx
        wrmsr
        mov dword [COMMAND], 2
        sti
.halt:  hlt
        jmp .halt
on_other_fixed:
        inc dword [FIXED]
        mov dword [APIC + 0xb0], 0
        cmp dword [FIXED], 1
        jne .end
        mov dword [APIC + 0x310], 0
        mov dword [APIC + 0x300], 0x4060
.end:   iretd
on_other_broadcast:
        add dword [FIXED], 10
        mov dword [APIC + 0xb0], 0
        iretd
on_other_x2:
        mov dword [FIXED], 0x100
        iretd
on_other_nmi:
        inc dword [NMIS]
        iretd

        align 8
other_idt_pointer:
        dw 0x65 * 8 - 1
        dd other_idt
        align 8
%macro gate32 1
        dw address(%1) & 0xffff, 8, 0x8e00, address(%1) >> 16
%endmacro
other_idt:
        times 2 dq 0
        gate32 on_other_nmi
        times 0x61 - 3 dq 0
        gate32 on_other_fixed
        gate32 on_other_broadcast
        dq 0
        gate32 on_other_x2
%include "check32-setup.inc"
%include "check-output.inc"
%include "serial.inc"
        align 16
gdt:
        ground_gdt
gdt_end:
