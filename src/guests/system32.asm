; 32-bit protected mode without paging: segmentation, gates, rings, privileged instructions; see check.inc.
org 0x100000
bits 32
%include "wide32.inc"
%include "check.inc"
%include "check32.inc"
OTHER_STACK equ 0x8f000

        mov esp, 0x90000
        call check_setup
        set_gate 0x80, 8, finish_frame, 0x8e00
        set_gate 0x81, 8, finish_frame, 0xee00
        set_gate 0x83, 8, finish_flags, 0x8f00
        set_gate 0x84, 8, finish_frame, 0x8600
        set_gate 0x85, 0x20, finish_frame, 0x8e00
        set_gate 0x86, 0x60, finish_conforming, 0xee00
        set_gate 0x87, 0x10, finish_frame, 0x8e00
        set_gate 0x88, 8, finish_frame, 0x0e00
        set_gate 0x8b, 0xe8, ring1, 0xee00
        set_gate 0x89, 0x78, finish_short, 0x8e00

; Segment limits and rights.
%macro load_ds 1
        mov eax, %1
        mov ds, eax
%endmacro
check "limit: last byte"
        load_ds 0x30
        mov al, [0xfff]
        xor eax, eax
        done
check "limit: first byte beyond"
        load_ds 0x30
        mov al, [0x1000]
        done
check "limit: doubleword across"
        load_ds 0x30
        mov eax, [0xffd]
        done
check "limit: write across"
        load_ds 0x30
        mov [0xffd], eax
        done
check "base: is added"
        mov dword [scratch + 8], 0x1234
        load_ds 0x38
        mov eax, [8]
        done
check "expand-down: below the limit"
        load_ds 0x40
        mov eax, [0xffc]
        done
check "expand-down: at the limit"
        load_ds 0x40
        mov al, [0xfff]
        done
check "expand-down: above"
        load_ds 0x40
        mov eax, [0x1000]
        xor eax, eax
        done
check "expand-down 16-bit: beyond 64 KiB"
        load_ds 0x48
        mov eax, [0xfffd]
        done
check "read-only: write"
        load_ds 0x50
        mov [scratch], eax
        done
check "code: write"
        mov [cs:scratch], eax
        done
check "execute-only code: read"
        jmp 0x58:.a
.a:     mov eax, [cs:scratch]
        done
        jmp 8:.aa
.aa:
check "execute-only code into DS"
        load_ds 0x58
        done
check "null: read"
        load_ds 0
        mov eax, [0x1000]
        done
check "null into SS"
        xor eax, eax
        mov ss, eax
        done
check "not present into DS"
        load_ds 0x68
        done
check "not present into SS"
        mov eax, 0x68
        mov ss, eax
        done
check "beyond the GDT"
        load_ds 0x200
        done
check "SS limit: push"
        user
        mov eax, 0xe3
        mov ss, eax
        mov esp, 0x1002
        push eax
        done
check "SS: 16-bit stack wraps"
        mov eax, 0x70
        mov ss, eax
        mov esp, 0x12340000
        push eax
        mov eax, esp
        mov ebx, 0x10
        mov ss, ebx
        mov esp, [saved_stack]
        done
check "EBP: SS limit"
        user
        mov eax, 0xe3
        mov ss, eax
        mov ebp, 0x1000
        mov eax, [ebp]
        done
check "accessed bit is set"
        mov al, [gdt + 0x95]
        show eax
        mov eax, 0x90
        mov es, eax
        mov al, [gdt + 0x95]
        done
check "jump beyond the code limit"
        not_on_qemu
        jmp 0x78:.b
        times 0 nop
.b:     done
check "code runs into its limit"
        not_on_qemu
        mov byte [0x700], 0x90
        mov byte [0x701], 0x90
        mov dword [0x702], 0x00b89090
        jmp 0x80:0x700
        done
check "near jump beyond the limit"
        not_on_qemu
        mov byte [0x600], 0xe9
        mov dword [0x601], 0x10000
        jmp 0x80:0x600
        done
check "near CALL beyond the limit pushes nothing"
        not_on_qemu
        mov byte [0x600], 0xe8
        mov dword [0x601], 0x10000
        mov dword [continuation], .called
        jmp 0x80:0x600
.called:
        mov eax, [saved_stack]
        sub eax, esp
        done
check "RET beyond the limit"
        not_on_qemu
        mov byte [0x600], 0xc3
        push dword 0x10000
        jmp 0x80:0x600
        done

; Loads and stores of segment registers.
check "PUSH of segment registers"
        push ss
        push ds
        push es
        push cs
        pop eax
        show eax
        pop eax
        show eax
        pop eax
        done
check "PUSH CS: upper half of the slot"
        push dword 0x11112222
        pop eax
        push cs
        mov eax, [esp]
        done
check "POP ES, POP DS, POP SS"
        push ds
        pop es
        push dword 0x30
        pop ds
        push ss
        pop ss
        mov eax, ds
        shl eax, 16
        mov ax, es
        done
check "PUSH and POP FS, GS"
        push dword 0x28
        pop fs
        push fs
        pop gs
        push gs
        pop eax
        done
check "PUSH ES, POP ES: 16-bit"
        mov ebx, esp
        o16 push es
        sub ebx, esp
        o16 pop es
        mov eax, ebx
        done
check "LDS"
        mov dword [scratch], 0x11223344
        mov word [scratch + 4], 0x28
        lds eax, [scratch]
        show eax
        mov eax, ds
        done
check "LES: bad selector leaves the register"
        mov word [scratch + 4], 0x200
        mov dword [continuation], .les
        mov eax, 0x55
        mov ebx, 0x66
        les ebx, [scratch]
.les:   mov eax, ebx
        done
check "LSS"
        mov dword [scratch], OTHER_STACK
        mov word [scratch + 4], 0x10
        lss esp, [scratch]
        mov eax, esp
        done
check "LFS and LGS: 16-bit"
        mov dword [scratch], 0x00281234
        o16 lfs ax, [scratch]
        o16 lgs bx, [scratch]
        shl ebx, 16
        or eax, ebx
        done
check "LES: register operand"
        db 0xc4, 0xc0
        done
check "ARPL: raises"
        mov eax, 0x10
        mov ebx, 3
        arpl ax, bx
        setz bl
        shl ebx, 16
        or eax, ebx
        done
check "ARPL: leaves"
        mov eax, 0x13
        mov ebx, 1
        arpl ax, bx
        setz bl
        shl ebx, 16
        or eax, ebx
        done
check "LAR, LSL: call gate, task gate, TSS"
        mov ecx, 0xa0
        lar eax, ecx
        show eax
        lsl eax, ecx
        setz al
        show eax
        mov ecx, 0xc8
        lar eax, ecx
        show eax
        mov ecx, 0x18
        lar eax, ecx
        show eax
        lsl eax, ecx
        done
check "VERR, VERW: expand-down data"
        mov ecx, 0x40
        verr cx
        setz al
        verw cx
        setz ah
        done
check "SLDT, LLDT, LDT"
        mov eax, 0xd0
        lldt ax
        sldt ebx
        mov eax, 0x0c
        mov fs, eax
        mov eax, [fs:8]
        show eax
        mov eax, ebx
        done
check "LDT: call through it"
        call 0x14:0
.ldt:   done
        xor eax, eax
        lldt ax
check "SGDT: limit and base"
        sgdt [scratch]
        movzx eax, word [scratch]
        show eax
        mov eax, [scratch + 2]
        sub eax, gdt
        done
check "SGDT: 16-bit operand stores 32 bits of the base"
        mov dword [scratch + 2], -1
        o16 sgdt [scratch]
        mov eax, [scratch + 2]
        sub eax, gdt
        done
check "LIDT: 16-bit operand takes 24 bits of the base"
        sidt [scratch]
        mov byte [scratch + 5], 0xff
        o16 lidt [scratch]
        sidt [scratch + 8]
        mov eax, [scratch + 10]
        sub eax, idt
        done
        lidt [idt_pointer]
check "STR, SMSW"
        str eax
        show eax
        smsw ax
        and eax, 0xf
        done
check "LTR: busy"
        mov eax, 0x18
        ltr ax
        done

; Far transfers.
check "far JMP and CALL"
        call 8:.far
.far:   pop eax
        sub eax, .far
        show eax
        pop eax
        done
check "far CALL: memory"
        mov dword [scratch], .far2
        mov word [scratch + 4], 8
        call far [scratch]
.far2:  pop eax
        pop eax
        done
check "far JMP: memory, RPL above"
        mov dword [scratch], .far3
        mov word [scratch + 4], 0x0b
        jmp far [scratch]
.far3:  done
check "far JMP: conforming code"
        jmp 0x63:.far4
.far4:  mov eax, cs
        done
        jmp 8:.back4
.back4:
check "far RET: 16-bit"
        mov dword [0x600], 0x90b89090
        mov word [0x600], 0x85cd
        push word 8
        push word 0x600
        o16 retf
        done
check "far RET: ring 3"
        push dword 0x2b
        push dword USER_STACK
        push dword 0x1111
        push dword 0x2222
        push dword 0x23
        push dword .ring3
        retf 8
.ring3: mov eax, esp
        leave_user
        done
check "far RET: ring 3 drops the segments of ring 0"
        mov eax, 0x2b
        mov es, eax
        mov eax, 0x60
        mov fs, eax
        push dword 0x2b
        push dword USER_STACK
        push dword 0x23
        push dword .drop
        retf
.drop:  mov eax, ds
        shl eax, 8
        mov ebx, es
        mov al, bl
        shl eax, 8
        mov ebx, fs
        mov al, bl
        leave_user
        done
        jmp behind_macros
behind_macros:
check "call gate: same level"
        call 0xa0:0
        done
check "call gate: ring 3, no parameters"
        user
        call 0xab:0
        done
check "call gate: ring 3, two parameters"
        user
        push dword 0x1111
        push dword 0x2222
        call 0xb3:0
        done
check "call gate: ring 3, return drops the parameters"
        user
        push dword 0x1111
        push dword 0x2222
        call 0xc3:0
        mov eax, esp
        leave_user
        done
check "call gate: 16-bit"
        call 0xb8:0
        done
check "call gate: DPL"
        user
        call 0xa3:0
        done
check "call gate: not present"
        call 0xd8:0
        done
check "call gate: JMP from ring 3"
        user
        jmp 0xab:0
        done
%macro inner_stack 2
check %1
        mov dword [task + 12], 0x8a000
        mov dword [task + 16], %2
        user
        call 0xf3:0
        done
%endmacro
inner_stack "call gate: inner stack of ring 1", 0x101
inner_stack "call gate: inner stack not present", 0x69
inner_stack "call gate: inner stack of ring 3", 0x2b
inner_stack "call gate: inner stack null", 1
inner_stack "call gate: inner stack read-only", 0x51
inner_stack "call gate: inner stack beyond the GDT", 0x201

; Interrupts.
check "INT: same level"
        int 0x80
        done
check "INT: from ring 3"
        user
        int 0x81
        done
check "INT: gate of ring 0 from ring 3"
        user
        int 0x80
        done
check "INT: trap gate"
        sti
        int 0x83
        done
check "INT: 16-bit gate"
        mov word [idt + 0x84 * 8], 0x600
        mov word [idt + 0x84 * 8 + 6], 0
        mov dword [0x600], 0x9085cd90
        int 0x84
        done
check "INT: to ring 3 code"
        int 0x85
        done
check "INT: conforming code from ring 3"
        user
        int 0x86
        done
check "INT: to data"
        int 0x87
        done
check "INT: not present"
        int 0x88
        done
check "INT: offset beyond the limit"
        not_on_qemu
        int 0x89
        done
check "INT: no gate"
        int 0x8c
        done
check "INT: beyond the IDT"
        mov word [short_idt], 0x3ff
        mov dword [short_idt + 2], idt
        lidt [short_idt]
        int 0x80
        done
        lidt [idt_pointer]
check "INT3, INTO"
        or byte [idt + 4 * 8 + 5], 0x60
        user
        mov al, 0x7f
        add al, 1
        into
        done
check "INT3: gate of ring 0 from ring 3"
        user
        int3
        done
check "INT1"
        db 0xf1
        done
check "BOUND"
        mov dword [scratch], 1
        mov dword [scratch + 4], 3
        mov eax, 4
        bound eax, [scratch]
        done
check "double fault: gate not present"
        and byte [idt + 13 * 8 + 5], 0x7f
        load_ds 0x200
        done
        or byte [idt + 13 * 8 + 5], 0x80
check "invalid TSS: inner stack null"
        mov dword [task + 16], 0
        user
        int 0x8b
        done
check "invalid TSS: ESP 1 beyond its limit"
        mov dword [task + 16], 0x109
        user
        int 0x8b
        done
check "INT: ring 1 from ring 3"
        mov dword [task + 16], 0x101
        user
        int 0x8b
        done
check "IRETD: same level"
        pushfd
        push cs
        push dword .iret
        iretd
.iret:  mov eax, [saved_stack]
        sub eax, esp
        done
check "IRETD: ring 3 keeps IOPL"
        user
        push dword 0x3202
        push cs
        push dword .iopl
        iretd
.iopl:  pushfd
        pop eax
        and eax, 0x3f7700
        leave_user
        done
check "IRETD: null SS"
        push dword 0
        push dword USER_STACK
        push dword 2
        push dword 0x23
        push dword 0x100000
        iretd
        done
check "IRETD: RPL below CPL"
        user
        push dword 2
        push dword 8
        push dword 0x100000
        iretd
        done
check "IRETD: offset beyond the limit"
        not_on_qemu
        push dword 2
        push dword 0x80
        push dword 0x10000
        iretd
        done
check "IRET: 16-bit"
        mov dword [0x600], 0x9081cd90
        push word 2
        push word 8
        push word 0x600
        iretw
        done
check "ENTER and LEAVE: level 2"
        mov ebp, scratch + 64
        mov dword [ebp - 4], 0x1111
        enter 8, 2
        mov eax, [ebp - 4]
        show eax
        leave
        mov eax, ebp
        sub eax, scratch
        done
check "ENTER: 16-bit stack"
        mov eax, 0x70
        mov ss, eax
        mov esp, 0xffff0800
        mov ebp, 0x12345678
        enter 4, 0
        mov ebx, esp
        mov eax, 0x10
        mov ss, eax
        mov esp, [saved_stack]
        show ebp
        mov eax, ebx
        done

; Ring 3.
%macro forbidden 2+
check %1
        user
        %2
        leave_user
        done
%endmacro
forbidden "ring 3: CLI", cli
forbidden "ring 3: HLT", hlt
forbidden "ring 3: LGDT", lgdt [scratch]
forbidden "ring 3: LTR", ltr ax
forbidden "ring 3: MOV CR0", mov eax, cr0
forbidden "ring 3: MOV DR7", mov dr7, eax
forbidden "ring 3: CLTS", clts
forbidden "ring 3: INVLPG", invlpg [scratch]
forbidden "ring 3: RDMSR", rdmsr
forbidden "ring 3: IN", in al, 0x80
forbidden "ring 3: ring 0 data into DS", mov eax, 0x10
check "ring 3: data of ring 0"
        user
        mov eax, 0x10
        mov ds, eax
        leave_user
        done
check "ring 3: conforming code into DS"
        user
        mov eax, 0x60
        mov ds, eax
        mov eax, ds
        leave_user
        done
check "ring 3: LAR of ring 0 data"
        user
        mov ecx, 0x10
        lar eax, ecx
        setz al
        leave_user
        done

; Control registers and the fast system calls.
check "MOV CR0: PG without PE"
        not_on_qemu
        mov eax, cr0
        and eax, ~1
        or eax, 0x80000000
        mov cr0, eax
        done
check "MOV CR8 in 32-bit mode"
        db 0xf0, 0x0f, 0x20, 0xc0
        done
check "SYSCALL in 32-bit mode"
        not_on_qemu
        set_msr 0xc0000080, 1
        db 0x0f, 0x05
        done
check "SYSENTER: null CS"
        set_msr 0x174, 0
        sysenter
        done
        set_msr 0x174, 8
        set_msr 0x175, OTHER_STACK
        set_msr 0x176, on_sysenter
check "SYSENTER: from ring 3"
        user
        sysenter
        done
check "SYSEXIT: ring 3"
        set_msr 0x174, 0xe0
        mov edx, .exit
        mov ecx, USER_STACK
        sysexit
.exit:  mov eax, cs
        shl eax, 16
        mov ax, ss
        leave_user
        done
check "SYSEXIT: from ring 3"
        user
        sysexit
        done
check "CMOV, XADD, CMPXCHG8B in compatibility of operands"
        mov eax, 1
        mov ebx, 2
        xadd eax, ebx
        cmp eax, 3
        cmove eax, ebx
        done
        jmp check_end

; Result: the pushed CS and the present SS, and how much was pushed.
finish_frame:
        mov eax, [esp + 4]
        shl eax, 16
        mov ax, ss
        show eax
        mov eax, esp
        jmp finish
finish_conforming:
        mov eax, cs
        leave_user
finish_flags:
        pushfd
        pop eax
        and eax, 0x3f7700
        jmp finish
finish_short:
        jmp finish
through_gate:
        mov eax, [esp + 4]
        shl eax, 16
        mov ax, ss
        show eax
        mov eax, [esp + 8]
        show eax
        mov eax, [esp + 12]
        show eax
        mov eax, esp
        jmp finish
ring1:  mov eax, cs
        shl eax, 16
        mov ax, ss
        leave_user
back_through_gate:
        retf 8
on_sysenter:
        mov eax, cs
        shl eax, 16
        mov ax, ss
        show eax
        mov eax, esp
        jmp finish

        align 16
short_idt:      dq 0
scratch:        times 128 db 0
local_table:
        dq 0
        descriptor address(scratch), 0xff, 0x93, 4
        dw address(through_gate) & 0xffff, 8, 0x8c00, address(through_gate) >> 16
local_table_end:
%include "check32-setup.inc"
%include "check-output.inc"
%include "serial.inc"
        align 16
gdt:
        ground_gdt
        descriptor 0, 0xfff, 0x93, 4                    ; 0x30 data up to 0xfff
        descriptor address(scratch), 0xff, 0x93, 4      ; 0x38 data with a base
        descriptor 0, 0xfff, 0x97, 4                    ; 0x40 expand-down, 32-bit
        descriptor 0, 0xfff, 0x97, 0                    ; 0x48 expand-down, 16-bit
        descriptor 0, 0xfffff, 0x91, 0xc                ; 0x50 read-only
        descriptor 0, 0xfffff, 0x99, 0xc                ; 0x58 execute-only
        descriptor 0, 0xfffff, 0x9f, 0xc                ; 0x60 conforming
        descriptor 0, 0xfffff, 0x13, 0xc                ; 0x68 not present
        descriptor 0x80000, 0xffff, 0x93, 0             ; 0x70 16-bit stack
        descriptor 0, 0xfff, 0x9b, 4                    ; 0x78 code up to 0xfff
        descriptor 0, 0x704, 0x9b, 4                    ; 0x80 code up to 0x704
        dq 0                                            ; 0x88
        descriptor 0, 0xfffff, 0x92, 0xc                ; 0x90 not accessed
        dq 0                                            ; 0x98
        dw address(through_gate) & 0xffff, 8, 0x8c00, address(through_gate) >> 16       ; 0xa0
        dw address(through_gate) & 0xffff, 8, 0xec00, address(through_gate) >> 16       ; 0xa8
        dw address(through_gate) & 0xffff, 8, 0xec02, address(through_gate) >> 16       ; 0xb0 two parameters
        dw 0x600, 8, 0x8400, 0                          ; 0xb8 16-bit
        dw address(back_through_gate) & 0xffff, 8, 0xec02, address(back_through_gate) >> 16     ; 0xc0
        dw 0, 0x18, 0x8500, 0                           ; 0xc8 task gate
        descriptor address(local_table), local_table_end - local_table - 1, 0x82, 0     ; 0xd0
        dw address(through_gate) & 0xffff, 8, 0x0c00, address(through_gate) >> 16       ; 0xd8 not present
        descriptor 0, 0xfff, 0xf3, 4                    ; 0xe0 data of ring 3 up to 0xfff
        descriptor 0, 0xfffff, 0xbb, 0xc                ; 0xe8 code of ring 1
        dw address(ring1) & 0xffff, 0xe8, 0xec00, address(ring1) >> 16                  ; 0xf0 to ring 1
        dq 0                                            ; 0xf8
        descriptor 0, 0xfffff, 0xb3, 0xc                ; 0x100 data of ring 1
        descriptor 0, 0xfff, 0xb3, 4                    ; 0x108 data of ring 1 up to 0xfff
gdt_end:
