; Hardware task switches in 32-bit protected mode, without and with paging; see check.inc.
org 0x100000
bits 32
%include "wide32.inc"
%include "check.inc"
%include "check32.inc"
OTHER_STACK equ 0x8c000
INNER_STACK equ 0x8e000
PAGES equ 0x1000
OTHER_PAGES equ 0x2000
PDPT equ 0x3000
WINDOW equ 0x400000
ABSENT equ 0x3000000
ROW equ 0x7c00

; Selectors, see the GDT.
TASK equ 0x18
OTHER equ 0x30
USER_TASK equ 0x38
NARROW equ 0x40

; Offsets in a 32-bit TSS.
T_ESP0 equ 4
T_SS0 equ 8
T_CR3 equ 0x1c
T_EIP equ 0x20
T_FLAGS equ 0x24
T_EAX equ 0x28
T_ESP equ 0x38
T_ES equ 0x48
T_CS equ 0x4c
T_SS equ 0x50
T_DS equ 0x54
T_FS equ 0x58
T_GS equ 0x5c
T_LDT equ 0x60
T_TRAP equ 0x64

        mov esp, 0x90000
        call check_setup
        jmp tests

; Brings the tasks and their descriptors into the state that tests start from: the present task is `task`, `other` shows
; what it starts with.
prepare:
        pushad
        mov byte [gdt + TASK + 5], 0x89
        mov byte [gdt + OTHER + 5], 0x89
        mov byte [gdt + USER_TASK + 5], 0xe9
        mov byte [gdt + NARROW + 5], 0x81
        mov byte [gdt + 0x108 + 5], 0x81
        mov byte [gdt + 0xe0 + 5], 0x0b
        mov byte [gdt + 0xd0 + 5], 0x92
        mov byte [gdt + 0xd8 + 5], 0x9a
        mov eax, TASK
        ltr ax
        xor eax, eax
        lldt ax
        mov fs, eax
        mov gs, eax
        mov dr7, eax
        mov eax, 0xffff0ff0
        mov dr6, eax
        clts
        mov edi, task + T_CR3
        mov ecx, (T_TRAP - T_CR3) / 4
        mov eax, 0xcccccccc
        rep stosd
        xor eax, eax
        mov [task], eax
        mov [task + T_LDT], eax
        mov esi, template
        mov edi, other
        mov ecx, 0x68 / 4
        rep movsd
        mov esi, template
        mov edi, user_task
        mov ecx, 0x68 / 4
        rep movsd
        mov dword [user_task + T_CS], 0x23
        mov eax, 0x2b
        mov [user_task + T_ES], eax
        mov [user_task + T_SS], eax
        mov [user_task + T_DS], eax
        mov dword [user_task + T_EIP], user_entry
        mov esi, narrow_template
        mov edi, narrow
        mov ecx, 0x2c / 4
        rep movsd
        set_gate 0x90, OTHER, 0, 0x8500
        set_gate 0x91, OTHER, 0, 0xe500
        popad
        ret

; What a task starts with.
%macro keep 2
        mov [kept + (%1) * 4], %2
%endmacro
%macro keep_selectors 2-*
%assign place %1
%rep %0 - 1
%rotate 1
        mov eax, %1
        keep place, eax
%assign place place + 1
%endrep
%endmacro
; Leaves a 16-bit task's stack.
%macro flat_stack 0
        mov eax, 0x10
        mov ss, eax
        mov esp, OTHER_STACK
%endmacro
show_entry:
        keep 0, eax
        keep 1, ecx
        keep 2, edx
        keep 3, ebx
        keep 4, esp
        keep 5, ebp
        keep 6, esi
        keep 7, edi
        keep_selectors 8, es, cs, ss, ds, fs, gs
        flat_stack
        pushfd
        pop eax
        keep 14, eax
        xor eax, eax
        str ax
        keep 15, eax
        sldt ax
        keep 16, eax
        mov esi, kept
        mov ecx, 17
.next:  lodsd
        call put_hex
        call put_space
        loop .next
        mov eax, cr0
        and eax, 8
        jmp finish

; The saved part of the TSS at EDI: link, EIP from the start of the test, flags, registers, selectors, LDT.
show_saved:
        xor eax, eax
        mov ax, [edi]
        call put_hex
        call put_space
        mov eax, [edi + T_EIP]
        sub eax, [test_code]
        call put_hex
        call put_space
        lea esi, [edi + T_FLAGS]
        mov ecx, 16
.next:  lodsd
        call put_hex
        call put_space
        loop .next
        ret

; The same of a 16-bit TSS.
show_narrow:
        lea esi, [edi + 0x10]
        mov ecx, 14
        xor eax, eax
        mov ax, [edi]
        call put_hex
        call put_space
.next:  xor eax, eax
        lodsw
        call put_hex
        call put_space
        loop .next
        ret

; Access bytes of the descriptors of `task`, `other` and `narrow`; EAX: flags with NT.
show_busy:
        xor eax, eax
        mov al, [gdt + TASK + 5]
        call put_hex
        call put_space
        mov al, [gdt + OTHER + 5]
        call put_hex
        call put_space
        mov al, [gdt + NARROW + 5]
        call put_hex
        call put_space
        str ax
        call put_hex
        call put_space
        pushfd
        pop eax
        and eax, 0x4000
        ret

saved_entry:
        mov edi, task
        call show_saved
        jmp finish
busy_entry:
        flat_stack
        call show_busy
        push eax
        xor eax, eax
        mov ax, [other]
        call put_hex
        call put_space
        pop eax
        jmp finish
; What is on top of the task's stack, and how much.
stack_entry:
        mov eax, OTHER_STACK
        sub eax, esp
        call put_hex
        call put_space
        mov eax, [esp]
        jmp finish
; CR2 and the error code.
fault_entry:
        mov eax, cr2
        call put_hex
        call put_space
        pop eax
        jmp finish
narrow_finish:
        flat_stack
        mov eax, ecx
        jmp finish
return_entry:
        iretd
        mov eax, 0x600d
        iretd
        jmp return_entry
; The place of a debug exception from `trap_base`, and its cause.
trapped:
        mov dword [task + T_TRAP], 0x00680000
        mov eax, [esp]
        sub eax, [trap_base]
        call put_hex
        call put_space
        mov eax, dr6
        jmp finish
user_entry:
        mov eax, cs
        shl eax, 16
        mov ax, ss
        leave_user
user_return:
        iretd

; Goes to `other` at a place of its own, and by what.
%macro starts 1
        call prepare
        mov dword [other + T_EIP], %1
%endmacro
; A field of `other`.
%macro with 2
        mov dword [other + %1], %2
%endmacro
; Jumps to `other` with one field, or two, changed.
%macro bad 3-5
check %1
        not_on_qemu
        call prepare
        with %2, %3
    %if %0 = 5
        with %4, %5
    %endif
        with T_EIP, %%entry
        jmp OTHER:0
%%entry:
        mov eax, 1
        done
%endmacro

tests:
; What is loaded and saved.
check "JMP: what the task starts with"
        call prepare
        mov eax, 1
        jmp OTHER:0x1234
        done
check "JMP: what is saved"
        starts saved_entry
        mov eax, 0x10203040
        mov ecx, 1
        mov edx, 2
        mov ebx, 3
        mov ebp, 4
        mov esi, 5
        mov edi, 6
        stc
        jmp OTHER:0
        done
check "JMP: busy bits and link"
        starts busy_entry
        with 0, 0x7777
        jmp OTHER:0
        done
check "JMP: NT of the new task's flags stays"
        starts busy_entry
        with T_FLAGS, 0x4002
        jmp OTHER:0
        done
check "CALL: busy bits, link and NT"
        starts busy_entry
        with 0, 0x77770000
        call OTHER:0
        done
check "CALL: what the task starts with"
        call prepare
        call OTHER:0
        done
check "INT: busy bits, link and NT"
        starts busy_entry
        int 0x90
        done
check "INT: what is saved"
        starts saved_entry
        int 0x90
        done
check "JMP m16:32"
        starts busy_entry
        jmp far [far_other]
        done
check "CALL m16:32"
        starts busy_entry
        call far [far_other]
        done
check "JMP through a task gate"
        starts busy_entry
        jmp 0x60:0
        done
check "CALL through a task gate"
        starts busy_entry
        call 0x60:0
        done
check "CALL through a task gate of the LDT"
        starts busy_entry
        mov eax, 0x90
        lldt ax
        call 0x0c:0
        done
check "exception: busy bits, link and NT"
        starts busy_entry
        set_gate 6, OTHER, 0, 0x8500
        ud2
        done
check "fault: RF in the saved flags"
        starts saved_entry
        set_gate 6, OTHER, 0, 0x8500
        ud2
        done
check "fault: error code on the new stack"
        starts stack_entry
        set_gate 13, OTHER, 0, 0x8500
        mov eax, 0x1230
        mov ds, eax
        done
check "INT3: no error code"
        starts stack_entry
        set_gate 3, OTHER, 0, 0x8500
        int3
        done
check "double fault: error code 0 on the new stack"
        starts stack_entry
        set_gate 13, 8, 0, 0x0e00
        set_gate 8, OTHER, 0, 0x8500
        mov eax, 0x1230
        mov ds, eax
        done
        call restore_gates
check "flags of the new task"
        call prepare
        with T_FLAGS, 0x243fd7 & ~0x4700
        jmp OTHER:0
        done
check "CR3 without paging"
        starts with_cr3
        with T_CR3, OTHER_PAGES
        jmp OTHER:0
with_cr3:
        mov eax, cr3
        done

; Back by IRET.
check "IRET: back in the old task"
        starts return_entry
        mov ebx, 0x55
        mov ebp, 0x66
        call OTHER:0
        call show_busy
        show eax
        show ebx
        mov eax, ebp
        done
check "IRET: what is saved"
        starts return_from_here
        call OTHER:0
        mov edi, other
        call show_saved
        jmp finish
return_from_here:
        iretd
        done
check "IRET: the next CALL goes on behind it"
        starts return_entry
        call OTHER:0
        call OTHER:0
        mov eax, [other + T_EAX]
        done
check "IRET: after INT"
        starts return_entry
        int 0x90
        call show_busy
        done
check "IRET: after a fault, to the instruction"
        starts skip_fault
        set_gate 6, OTHER, 0, 0x8500
        ud2
        mov eax, 0x600d
        jmp finish
skip_fault:
        add dword [task + T_EIP], 2
        iretd
        done
        call restore_gates
check "IRET: NT set by POPF"
        starts busy_entry
        mov byte [gdt + OTHER + 5], 0x8b
        mov word [task], OTHER
        push dword 0x4002
        popfd
        iretd
        done
%macro bad_link 3
check %1
        call prepare
        mov byte [gdt + OTHER + 5], %3
        mov word [task], %2
        push dword 0x4002
        popfd
        iretd
        done
%endmacro
bad_link "IRET: link to an available TSS", OTHER, 0x89
bad_link "IRET: link is null", 0, 0x8b
bad_link "IRET: link to data", 0x10, 0x8b
bad_link "IRET: link beyond the GDT", 0x1230, 0x8b
bad_link "IRET: link with TI", OTHER + 4, 0x8b
bad_link "IRET: link to a busy TSS that is not present", 0xe0, 0x8b
bad_link "IRET: RPL of the link", OTHER + 3, 0x8b
check "IRET: the task's own TSS as its link"
        not_on_qemu
        call prepare
        mov word [task], TASK
        push dword 0x4002
        popfd
        mov eax, 0x77
        iretd
        call show_busy
        done

; What is refused.
%macro refused 2+
check %1
        call prepare
        %2
        done
%endmacro
refused "JMP: busy TSS", jmp TASK:0
refused "CALL: busy TSS", call TASK:0
refused "JMP: TSS not present", jmp 0x48:0
refused "JMP: 32-bit TSS, limit 66", jmp 0x50:0
refused "JMP: 16-bit TSS, limit 2a", jmp 0x58:0
refused "JMP: TSS of the LDT", jmp OTHER + 4:0
refused "JMP: RPL above DPL", jmp OTHER + 3:0
refused "JMP: LDT descriptor", jmp 0x90:0
refused "task gate: not present", jmp 0x70:0
refused "task gate: RPL above DPL", jmp 0x63:0
refused "task gate: selector with TI", jmp 0x78:0
refused "task gate: data", jmp 0x80:0
refused "task gate: TSS not present", jmp 0x88:0
refused "task gate: null", jmp 0xe8:0
check "task gate: busy TSS"
        call prepare
        mov byte [gdt + OTHER + 5], 0x8b
        call 0x60:0
        done
check "INT: task gate not present"
        call prepare
        set_gate 0x92, OTHER, 0, 0x0500
        int 0x92
        done
check "INT: busy TSS"
        call prepare
        mov byte [gdt + OTHER + 5], 0x8b
        int 0x90
        done
check "INT: TSS not present"
        call prepare
        set_gate 0x92, 0x48, 0, 0x8500
        int 0x92
        done
check "fault: TSS not present"
        call prepare
        set_gate 6, 0x48, 0, 0x8500
        ud2
        done
        call restore_gates
check "fault: TSS with limit 66"
        call prepare
        set_gate 6, 0x50, 0, 0x8500
        ud2
        done
        call restore_gates
check "contributory fault: TSS not present"
        call prepare
        set_gate 13, 0x48, 0, 0x8500
        mov eax, 0x1230
        mov ds, eax
        done
        call restore_gates
check "JMP: old TSS too small"
        call prepare
        mov eax, 0xf0
        mov byte [gdt + 0xf0 + 5], 0x89
        ltr ax
        xor eax, eax
        jmp OTHER:0
        done
        call prepare

; Rings.
check "ring 3: JMP to a TSS of ring 0"
        call prepare
        user
        jmp OTHER:0
        done
check "ring 3: JMP to a task gate of ring 0"
        call prepare
        user
        jmp 0x60:0
        done
check "ring 3: CALL to a task gate of ring 3"
        starts busy_entry
        user
        call 0x68:0
        done
check "ring 3: CALL to a TSS of ring 3"
        call prepare
        user
        call USER_TASK:0
        done
check "ring 3: INT, task gate of ring 0"
        call prepare
        user
        int 0x90
        done
check "ring 3: INT, task gate of ring 3"
        starts busy_entry
        user
        int 0x91
        done
check "ring 3 by JMP"
        call prepare
        jmp USER_TASK:0
        done
check "ring 3: IRET to the task of ring 0"
        call prepare
        mov dword [user_task + T_EIP], user_return
        call USER_TASK:0
        mov eax, cs
        done
check "ring 3: data of ring 0 in DS"
        not_on_qemu
        call prepare
        mov dword [user_task + T_DS], 0x10
        mov dword [user_task + T_EIP], bad_user_ds
        jmp USER_TASK:0
bad_user_ds:
        mov eax, 1
        done
check "ring 3: null in DS"
        call prepare
        mov dword [user_task + T_DS], 0
        jmp USER_TASK:0
        done
check "ring 3: stack of ring 0"
        not_on_qemu
        call prepare
        mov dword [user_task + T_SS], 0x10
        mov dword [user_task + T_EIP], bad_user_ss
        jmp USER_TASK:0
bad_user_ss:
        mov eax, 1
        done

; Segments of the new task.
bad "LDT: not an LDT", T_LDT, 0x10
bad "LDT: beyond the GDT", T_LDT, 0x1230
bad "LDT: TI", T_LDT, 0x94
bad "LDT: not present", T_LDT, 0x98
bad "SS: null", T_SS, 0
bad "SS: beyond the GDT", T_SS, 0x1230
bad "SS: read-only", T_SS, 0xa0
bad "SS: code", T_SS, 8
bad "SS: not present", T_SS, 0xa8
bad "SS: DPL is not the CPL", T_SS, 0x28
bad "SS: RPL is not the CPL", T_SS, 0x13
bad "SS: of an LDT that is null", T_SS, 0x14
bad "CS: null", T_CS, 0
bad "CS: beyond the GDT", T_CS, 0x1230
bad "CS: data", T_CS, 0x10
bad "CS: not present", T_CS, 0xb0
check "CS: RPL is not the DPL"
        not_on_qemu
        call prepare
        mov dword [user_task + T_CS], 0x0b
        mov dword [user_task + T_EIP], bad_user_cs
        jmp USER_TASK:0
bad_user_cs:
        mov eax, 1
        done
bad "CS: conforming, DPL above RPL", T_CS, 0xb8
bad "DS: beyond the GDT", T_DS, 0x1230
bad "DS: execute-only", T_DS, 0xc0
bad "DS: not present", T_DS, 0xa8
bad "DS: TSS", T_DS, TASK
bad "ES: not present", T_ES, 0xa8
bad "FS: not present", T_FS, 0xa8
bad "GS: beyond the GDT", T_GS, 0x1230
bad "DS: RPL above DPL", T_DS, 0x13
bad "EIP: beyond the limit", T_CS, 0xc8
bad "LDT before SS", T_LDT, 0x10, T_SS, 0
bad "SS before CS", T_SS, 0xa8, T_CS, 0x1230
bad "CS before DS", T_CS, 0xb0, T_DS, 0x1230
bad "SS before ES", T_SS, 0x1230, T_ES, 0x1238
check "after a fault in the new task: busy bits, link, TR"
        not_on_qemu
        call prepare
        with T_DS, 0x1230
        set_gate 10, 8, bad_task, 0x8e00
        call OTHER:0
bad_task:
        mov eax, 0x10
        mov ds, eax
        call show_busy
        mov eax, [esp + 12]
        and eax, 0x4000
        done
        call restore_gates
check "fault in the new task of a contributory fault"
        not_on_qemu
        call prepare
        with T_DS, 0x1230
        set_gate 13, OTHER, 0, 0x8500
        mov eax, 0x1230
        mov ds, eax
        done
        call restore_gates
check "conforming code of ring 0 in the new task"
        call prepare
        with T_CS, 0x100
        jmp OTHER:0
        done
check "segments of the new task's LDT"
        starts with_ldt
        with T_LDT, 0x90
        with T_DS, 0x04
        jmp OTHER:0
with_ldt:
        mov eax, [8]
        sldt ebx
        mov ecx, 0x10
        mov ds, ecx
        show ebx
        done
check "accessed bits"
        starts accessed
        with T_CS, 0xd8
        with T_SS, 0xd0
        jmp OTHER:0
accessed:
        xor eax, eax
        mov al, [gdt + 0xd0 + 5]
        mov ah, [gdt + 0xd8 + 5]
        jmp 8:same_code
same_code:
        done

; Debug registers and the T flag.
check "DR7: local breakpoints end"
        starts with_dr7
        mov eax, 0x100000
        mov dr0, eax
        mov eax, 0x7ff
        mov dr7, eax
        jmp OTHER:0
with_dr7:
        mov eax, dr7
        done
check "T flag"
        starts not_trapped
        with T_TRAP, 0x00680001
        mov dword [trap_base], not_trapped
        set_gate 1, 8, trapped, 0x8e00
        jmp OTHER:0
not_trapped:
        mov eax, 1
        done
check "T flag: back by IRET"
        starts return_entry
        mov dword [task + T_TRAP], 0x00680001
        mov dword [trap_base], not_trapped_again
        call OTHER:0
not_trapped_again:
        mov eax, 1
        done
check "TF of the old task"
        starts stepped_too
        mov dword [trap_base], stepped_too
        push dword 0x102
        popfd
        jmp OTHER:0
stepped_too:
        mov eax, 1
        done
check "TF of the new task"
        starts stepped_again
        with T_FLAGS, 0x102
        mov dword [trap_base], stepped_again
        jmp OTHER:0
stepped_again:
        mov eax, 1
        done
        call restore_gates

; 16-bit TSSs.
check "16-bit: JMP, segments and registers"
        call prepare
        jmp NARROW:0
        done
check "16-bit: CALL and IRET"
        call prepare
        mov word [narrow + 0xe], narrow_return - narrow_code
        mov ebx, 0x12345678
        call NARROW:0
        call show_busy
        show eax
        mov edi, narrow
        mov word [narrow + 0xe], 0
        call show_narrow
        mov eax, ebx
        done
check "16-bit: busy bits and link"
        call prepare
        mov word [narrow + 0xe], narrow_busy - narrow_code
        call NARROW:0
        done
check "16-bit: the present task"
        call prepare
        mov eax, 0x108
        ltr ax
        mov edi, other_narrow
        mov ecx, 0x2c / 2
        mov ax, 0xcccc
        rep stosw
        with T_EIP, other_narrow_entry
        mov eax, 0x10203040
        mov ebx, 0x50607080
        stc
        jmp OTHER:0
other_narrow_entry:
        mov edi, other_narrow
        mov word [edi + 0xe], 0
        call show_narrow
        done
check "16-bit: error code on the new stack"
        call prepare
        mov word [narrow + 0xe], narrow_stack - narrow_code
        set_gate 13, NARROW, 0, 0x8500
        mov eax, 0x1230
        mov ds, eax
        done
        call restore_gates
check "16-bit: SS null"
        not_on_qemu
        call prepare
        mov word [narrow + 0x26], 0
        jmp NARROW:0
        done
check "16-bit: task gate"
        call prepare
        mov word [narrow + 0xe], narrow_busy - narrow_code
        call 0xf8:0
        done

; Virtual-8086 mode.
check "virtual-8086 task"
        call prepare
        mov dword [ROW], 0x82cdc88c
        with T_FLAGS, 0x23002
        with T_CS, ROW >> 4
        with T_EIP, 0
        with T_SS, 0x800
        with T_DS, 0x1234
        jmp OTHER:0
        done

; Paging.
        mov edi, PAGES
        mov ecx, 0x800
        xor eax, eax
        rep stosd
        mov dword [PAGES], 0x83
        mov dword [PAGES + 4], 0x800083
        mov dword [OTHER_PAGES], 0x83
        mov dword [OTHER_PAGES + 4], 0xc00083
        mov dword [0x800000], 0xa
        mov dword [0xc00000], 0xb
        set_bits cr4, 0x10
        mov eax, PAGES
        mov cr3, eax
        set_bits cr0, 0x80010000
%macro own_pages 0
        mov eax, PAGES
        mov cr3, eax
%endmacro
check "paging: CR3 is loaded"
        starts with_pages
        with T_CR3, OTHER_PAGES
        mov eax, [WINDOW]
        show eax
        jmp OTHER:0
with_pages:
        mov eax, cr3
        show eax
        mov eax, [WINDOW]
        done
        own_pages
check "paging: CR3 is not saved"
        starts unsaved_pages
        with T_CR3, OTHER_PAGES
        jmp OTHER:0
unsaved_pages:
        mov eax, [task + T_CR3]
        done
        own_pages
check "paging: CALL and IRET"
        starts return_entry
        with T_CR3, OTHER_PAGES
        mov dword [task + T_CR3], PAGES
        call OTHER:0
        mov eax, [WINDOW]
        done
        own_pages
check "paging: the new TSS is not mapped"
        call prepare
        with T_CR3, PAGES
        jmp 0x118:0
        done
check "paging: busy bits after that"
        mov al, [gdt + 0x118 + 5]
        mov ah, [gdt + TASK + 5]
        done
check "paging: page fault by a task gate"
        starts fault_entry
        with T_CR3, PAGES
        set_gate 14, OTHER, 0, 0x8500
        mov eax, [ABSENT]
        done
        call restore_gates
check "paging: the stack of the new task is not mapped"
        not_on_qemu
        starts fault_entry
        with T_CR3, PAGES
        mov esi, other
        mov edi, user_task
        mov ecx, 0x68 / 4
        rep movsd
        mov dword [user_task + T_ESP], ABSENT
        set_gate 13, USER_TASK, 0, 0x8500
        set_gate 8, OTHER, 0, 0x8500
        mov eax, 0x1230
        mov ds, eax
        done
        call restore_gates
        jmp pae

pae:
        clear_bits cr0, 0x80000000
        mov edi, PDPT
        mov ecx, 8
        xor eax, eax
        rep stosd
        mov dword [PDPT], OTHER_PAGES + 1
        mov edi, OTHER_PAGES
        mov ecx, 0x400
        rep stosd
        mov dword [OTHER_PAGES], 0x83
        mov dword [OTHER_PAGES + 8], 0x200083
        mov dword [OTHER_PAGES + 16], 0xc00083
        set_bits cr4, 0x20
        mov eax, PDPT
        mov cr3, eax
        set_bits cr0, 0x80010000
check "PAE: CR3 is loaded"
        starts with_pdpt
        with T_CR3, PDPT
        jmp OTHER:0
with_pdpt:
        mov eax, cr3
        show eax
        mov eax, [WINDOW]
        done
        jmp check_end

; The gates of exceptions that tests replace.
%macro set_stubs 1-*
%rep %0
        set_gate %1, 8, stubs + %1 * 16, 0x8e00
%rotate 1
%endrep
%endmacro
restore_gates:
        pushad
        set_stubs 1, 3, 6, 8, 10, 13, 14
        popad
        ret

; Code of 16-bit tasks, in a 16-bit segment.
        align 16
narrow_code:
bits 16
narrow_show:
        jmp dword 8:show_entry
narrow_busy:
        jmp dword 8:busy_entry
narrow_stack:
        mov ax, sp
        sub ax, 0xc000
        neg ax
        pop dx
        movzx eax, ax
        movzx edx, dx
        shl eax, 16
        mov ax, dx
        mov ecx, eax
        jmp dword 8:narrow_finish
narrow_return:
        iret
bits 32

        align 16
far_other:      dd 0
                dw OTHER
        align 16
kept:   times 32 dd 0
trap_base:      dd 0
        align 16
template:
        dd 0, INNER_STACK, 0x10, 0, 0, 0, 0, 0
        dd address(show_entry), 2
        dd 0xa0000001, 0xc0000002, 0xd0000003, 0xb0000004, OTHER_STACK, 0xe0000005, 0xf0000006, 0x10000007
        dd 0x10, 8, 0x10, 0x10, 0, 0, 0, 0x00680000
narrow_template:
        dw 0, 0xe000, 0x10, 0, 0, 0, 0, 0, 2
        dw 1, 2, 3, 4, 0xc000, 5, 6, 7
        dw 0x10, 0x120, 0x110, 0x10, 0
        align 16
other:  times 0x68 db 0
        align 16
user_task:      times 0x68 db 0
        align 16
narrow: times 0x2c db 0
        align 16
other_narrow:   times 0x2c db 0
        align 16
local_table:
        descriptor address(kept) - 8, 0xff, 0x93, 4
        dw 0, OTHER, 0x8500, 0
local_table_end:
%include "check32-setup.inc"
%include "check-output.inc"
%include "serial.inc"
        align 16
gdt:
        ground_gdt
        descriptor address(other), 0x67, 0x89, 0                ; 0x30 TSS
        descriptor address(user_task), 0x67, 0xe9, 0            ; 0x38 TSS of ring 3
        descriptor address(narrow), 0x2b, 0x81, 0               ; 0x40 16-bit TSS
        descriptor address(other), 0x67, 0x09, 0                ; 0x48 TSS not present
        descriptor address(other), 0x66, 0x89, 0                ; 0x50 TSS too small
        descriptor address(narrow), 0x2a, 0x81, 0               ; 0x58 16-bit TSS too small
        dw 0, OTHER, 0x8500, 0                                  ; 0x60 task gate
        dw 0, OTHER, 0xe500, 0                                  ; 0x68 of ring 3
        dw 0, OTHER, 0x0500, 0                                  ; 0x70 not present
        dw 0, OTHER + 4, 0x8500, 0                              ; 0x78 to a selector with TI
        dw 0, 0x10, 0x8500, 0                                   ; 0x80 to data
        dw 0, 0x48, 0x8500, 0                                   ; 0x88 to a TSS not present
        descriptor address(local_table), local_table_end - local_table - 1, 0x82, 0     ; 0x90
        descriptor address(local_table), local_table_end - local_table - 1, 0x02, 0     ; 0x98 not present
        descriptor 0, 0xfffff, 0x91, 0xc                        ; 0xa0 read-only
        descriptor 0, 0xfffff, 0x13, 0xc                        ; 0xa8 data not present
        descriptor 0, 0xfffff, 0x1b, 0xc                        ; 0xb0 code not present
        descriptor 0, 0xfffff, 0xff, 0xc                        ; 0xb8 conforming code of ring 3
        descriptor 0, 0xfffff, 0x99, 0xc                        ; 0xc0 execute-only
        descriptor 0, 0xfff, 0x9b, 4                            ; 0xc8 code up to 0xfff
        descriptor 0, 0xfffff, 0x92, 0xc                        ; 0xd0 data not accessed
        descriptor 0, 0xfffff, 0x9a, 0xc                        ; 0xd8 code not accessed
        descriptor address(other), 0x67, 0x0b, 0                ; 0xe0 busy TSS not present
        dw 0, 0, 0x8500, 0                                      ; 0xe8 task gate to null
        descriptor address(task), 0x50, 0x89, 0                 ; 0xf0 the present task, too small
        dw 0, NARROW, 0x8500, 0                                 ; 0xf8 task gate to a 16-bit TSS
        descriptor 0, 0xfffff, 0x9f, 0xc                        ; 0x100 conforming code of ring 0
        descriptor address(other_narrow), 0x2b, 0x81, 0         ; 0x108 16-bit TSS
        descriptor 0x80000, 0xffff, 0x93, 0                     ; 0x110 16-bit stack
        descriptor ABSENT, 0x67, 0x89, 0                        ; 0x118 TSS that is not mapped
        descriptor address(narrow_code), 0xffff, 0x9b, 0        ; 0x120 16-bit code
gdt_end:
