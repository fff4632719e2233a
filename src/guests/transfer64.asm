; Far transfers, gates, returns, fast system calls, exceptions and interrupts in IA-32e mode; see check.inc.
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
OTHER_STACK equ 0x8f000
APIC equ 0xfee00000

; A call gate or interrupt gate of 16 bytes: selector, target, bits 47:32 (type, DPL, IST).
%macro gate 3
        dw address(%2) & 0xffff, %1, %3, address(%2) >> 16
        dq 0
%endmacro
; Sets the gate of an interrupt: vector, target, bits 47:32.
%macro set_gate 3
        mov eax, %2
        mov [idt + %1 * 16], ax
        shr eax, 16
        mov [idt + %1 * 16 + 6], ax
        mov word [idt + %1 * 16 + 2], 8
        mov word [idt + %1 * 16 + 4], %3
%endmacro
; Writes a register of the local APIC.
%macro set_apic 2
        mov eax, APIC
        mov dword [rax + %1], %2
        xor eax, eax
%endmacro
; A frame for IRETQ in ring 0: SS, RSP, flags, CS, label.
%macro frame 5
        push %1
        push %2
        push %3
        push %4
        mov rax, %5
        push rax
        xor eax, eax
%endmacro

long_mode:
        call check_setup
        set_msr 0xc0000080, 0xd01
        set_gate 0x80, finish_cs, 0x8e00
        set_gate 0x81, finish_cs, 0xee00
        set_gate 0x83, finish_flags, 0x8f00
        set_gate 0x84, finish_flags, 0x8e00
        set_gate 0x85, finish_cs, 0x8e00
        mov word [idt + 0x85 * 16 + 2], 0
        set_gate 0x86, finish_cs, 0x8e00
        mov word [idt + 0x86 * 16 + 2], 0x10
        set_gate 0x87, finish_cs, 0x8e00
        mov word [idt + 0x87 * 16 + 2], 0x28
        set_gate 0x88, finish_cs, 0x0e00
        set_gate 0x89, finish_cs, 0x8500
        set_gate 0x8a, finish_cs, 0x8e00
        mov dword [idt + 0x8a * 16 + 8], 0x8000
        set_gate 0x8b, finish_cs, 0x8e03
        set_gate 0x8c, finish_cs, 0x8e04

; Far jumps, calls and returns.
check "far JMP to 64-bit code"
        mov rax, .a
        mov [pointer], eax
        mov word [pointer + 4], 8
        jmp far dword [pointer]
.a:     mov eax, cs
        done
check "far JMP with a 64-bit pointer"
        mov rax, .b
        mov [pointer], rax
        mov word [pointer + 8], 8
        o64 jmp far [pointer]
.b:     mov eax, cs
        done
check "far CALL pushes CS and RIP"
        mov rax, .c
        mov [pointer], eax
        mov word [pointer + 4], 8
        call far dword [pointer]
.c:     mov eax, [rsp + 4]
        show rax
        mov rax, [saved_stack]
        sub rax, rsp
        done
check "far CALL with a 64-bit pointer"
        mov rax, .d
        mov [pointer], rax
        mov word [pointer + 8], 8
        o64 call far [pointer]
.d:     mov rax, [rsp + 8]
        show rax
        mov rax, [saved_stack]
        sub rax, rsp
        done
check "far CALL with a 16-bit pointer: beyond 64 KiB is lost"
        mov dword [pointer], 0x00080000
        mov byte [0], 0xf4
        o16 call far [pointer]
        done
check "far JMP: null selector"
        mov word [pointer + 4], 0
        jmp far dword [pointer]
        done
check "far JMP: data"
        mov word [pointer + 4], 0x10
        jmp far dword [pointer]
        done
check "far JMP: beyond the GDT"
        mov word [pointer + 4], 0x208
        jmp far dword [pointer]
        done
check "far JMP: ring 3 code"
        mov word [pointer + 4], 0x3b
        jmp far dword [pointer]
        done
check "far JMP: L and D"
        not_on_qemu
        mov word [pointer + 4], 0xc0
        jmp far dword [pointer]
        done
check "far JMP: not present"
        mov word [pointer + 4], 0xc8
        jmp far dword [pointer]
        done
check "far JMP: TSS"
        mov word [pointer + 4], 0x18
        jmp far dword [pointer]
        done
check "far JMP: not canonical"
        mov rax, 0x800000000000
        mov [pointer], rax
        mov word [pointer + 8], 8
        o64 jmp far [pointer]
        done
check "far JMP: conforming code"
        mov rax, .e
        mov [pointer], eax
        mov word [pointer + 4], 0xd3
        jmp far dword [pointer]
.e:     mov eax, cs
        done
check "far JMP: compatibility mode and back"
        mov rax, .f
        mov [pointer], eax
        mov word [pointer + 4], 0x28
        jmp far dword [pointer]
bits 32
.f:     mov eax, cs
        mov ebx, esp
        jmp 8:.g
bits 64
.g:     done
check "far CALL in compatibility mode, far return to 64-bit code"
        kernel32
bits 32
        call 8:.h
bits 64
.h:     mov rax, [rsp]
        mov ebx, eax
        shr rax, 32
        done
check "far JMP in compatibility mode: beyond the limit"
        kernel32
bits 32
        jmp 0xd8:0x20000
bits 64
        done
check "far RET: same level, immediate"
        push 0x7777
        push 8
        mov rax, .i
        push rax
        retfq 8
.i:     mov rax, [saved_stack]
        sub rax, rsp
        done
check "far RET: ring 3, immediate"
        push 0x33
        mov rax, USER_STACK
        push rax
        push 0x55
        push 0x3b
        mov rax, .j
        push rax
        retfq 8
.j:     mov eax, cs
        shl rax, 32
        or rax, rsp
        leave_user
        done
check "far RET: 32-bit operand"
        mov eax, .k
        sub rsp, 8
        mov [rsp], eax
        mov dword [rsp + 4], 8
        retf
.k:     mov rax, [saved_stack]
        sub rax, rsp
        done
check "far RET: null CS"
        push 0
        push 0
        retfq
        done
check "far RET: RPL below CPL"
        user
        push 8
        push 0
        retfq
        done
check "far RET: data"
        push 0x10
        push 0
        retfq
        done
check "far RET: DPL differs from RPL"
        push 0x3a
        push 0
        retfq
        done
check "far RET: not present"
        push 0xc8
        push 0
        retfq
        done
check "far RET: not canonical"
        push 8
        mov rax, 0x800000000000
        push rax
        retfq
        done
check "far RET: ring 3 with a null SS"
        push 0
        push USER_STACK
        push 0x3b
        push 0x100000
        retfq
        done
check "far RET: ring 3 with a ring 0 SS"
        push 0x10
        push USER_STACK
        push 0x3b
        push 0x100000
        retfq
        done
check "far RET: ring 3 with an absent SS"
        push 0x14b
        push USER_STACK
        push 0x3b
        push 0x100000
        retfq
        done
check "IRETQ: ring 3 with an absent SS"
        frame 0x14b, USER_STACK, 2, 0x3b, .l2
        iretq
.l2:    done
check "far RET: ring 3 drops DS of ring 0"
        mov eax, 0x10
        mov ds, eax
        mov eax, 0x33
        mov es, eax
        push 0x33
        push USER_STACK
        push 0x3b
        mov rax, .l
        push rax
        retfq
.l:     mov eax, ds
        shl eax, 16
        mov ax, es
        leave_user
        done
check "far RET: ring 3 in compatibility mode"
        push 0x33
        mov rax, 0x100088000
        push rax
        push 0x43
        mov rax, .m
        push rax
        retfq
bits 32
.m:     mov eax, esp
        leave_user
bits 64
        done

; Call gates.
%macro far_call 2
        mov word [pointer + 4], %1
        %2 far dword [pointer]
%endmacro
check "call gate: same level"
        far_call 0x80, call
        done
check "call gate: from ring 3"
        user
        far_call 0x90, call
        done
check "call gate: from ring 3 in compatibility mode"
        user32
bits 32
        mov eax, 0x33
        mov ds, eax
        mov word [pointer + 4], 0x90
        call far [pointer]
bits 64
        done
check "call gate: DPL below CPL"
        user
        far_call 0x80, call
        done
check "call gate: RPL above DPL"
        far_call 0x83, call
        done
check "call gate: not present"
        far_call 0xa0, call
        done
check "call gate: to data"
        far_call 0xb0, call
        done
check "call gate: to 32-bit code"
        far_call 0xe0, call
        done
check "call gate: not canonical"
        far_call 0xf0, call
        done
check "call gate: upper half has a type"
        far_call 0x100, call
        done
check "call gate: JMP from ring 3 to ring 0"
        user
        far_call 0x90, jmp
        done
check "call gate: JMP, same level"
        far_call 0x80, jmp
        done
check "call gate: conforming code from ring 3"
        user
        far_call 0x110, call
        done
check "call gate: return to ring 3"
        user
        far_call 0x120, call
        mov eax, cs
        leave_user
        done

; IRET.
check "IRETQ: same level takes RSP and SS"
        frame 0x10, OTHER_STACK, 2, 8, .n
        iretq
.n:     mov eax, ss
        shl rax, 32
        or rax, rsp
        done
check "IRETQ: null SS in ring 0"
        frame 0, OTHER_STACK, 2, 8, .o
        iretq
.o:     mov eax, ss
        done
        mov eax, 0x10
        mov ss, eax
check "IRETQ: null SS with RPL 3"
        frame 3, OTHER_STACK, 2, 8, .p
        iretq
.p:     done
check "IRETQ: null SS in ring 3"
        frame 3, OTHER_STACK, 2, 0x3b, .q
        iretq
.q:     done
check "IRETQ: SS not present"
        frame 0x138, OTHER_STACK, 2, 8, .r
        iretq
.r:     done
check "IRETQ: null CS"
        frame 0x10, OTHER_STACK, 2, 0, .s
        iretq
.s:     done
check "IRETQ: CS of ring 0 from ring 3"
        user
        frame 0x33, USER_STACK, 2, 8, .t
        iretq
.t:     done
check "IRETQ: ring 3 keeps IOPL and IF"
        user
        frame 0x33, USER_STACK, 0x3202, 0x3b, .u
        iretq
.u:     pushfq
        pop rax
        and eax, 0x3f7700
        leave_user
        done
check "IRETQ: ring 0 sets IOPL, AC, ID, NT"
        frame 0x10, OTHER_STACK, 0x247002, 8, .v
        iretq
.v:     pushfq
        pop rax
        and eax, 0x3f7700
        done
check "IRETQ: VM and VIP are not set"
        frame 0x10, OTHER_STACK, 0x20002, 8, .v2
        iretq
.v2:    pushfq
        pop rax
        and eax, 0x3f7700
        done
check "IRETQ: TF traps after the next instruction"
        frame 0x10, OTHER_STACK, 0x102, 8, .w
        iretq
.w:     nop
        nop
        done
check "IRETD in 64-bit mode"
        sub rsp, 20
        mov eax, .x
        mov [rsp], eax
        mov dword [rsp + 4], 8
        mov dword [rsp + 8], 2
        mov dword [rsp + 12], OTHER_STACK
        mov dword [rsp + 16], 0x10
        iretd
.x:     mov rax, rsp
        done
check "IRET in 64-bit mode, 16-bit"
        mov byte [0x500], 0x90
        mov byte [0x501], 0xb0
        mov byte [0x502], 0x21
        mov byte [0x503], 0xf4
        mov word [0x504], 0x9090
        sub rsp, 10
        mov word [rsp], 0x500
        mov word [rsp + 2], 8
        mov word [rsp + 4], 2
        mov word [rsp + 6], 0xf000
        mov word [rsp + 8], 0x10
        mov dword [0x503], 0xfeeb9090
        mov word [0x503], 0x85cd
        iretw
        done
check "IRETQ: compatibility mode of ring 3"
        frame 0x33, USER_STACK, 2, 0x43, .y
        iretq
bits 32
.y:     mov eax, cs
        leave_user
bits 64
        done
check "IRETD in compatibility mode, same level"
        kernel32
bits 32
        pushfd
        push cs
        push dword .z
        iretd
.z:     mov eax, cs
        wide
        done
check "IRETQ: not canonical RIP, ring 3"
        mov rbx, 0x800000000000
        push 0x33
        push USER_STACK
        push 2
        push 0x3b
        push rbx
        iretq
        done
check "IRETQ: not canonical RSP"
        mov rbx, 0x800000000000
        frame 0x10, rbx, 2, 8, .aa
        iretq
.aa:    mov rax, rsp
        mov rsp, [saved_stack]
        done
; Software interrupts and gates.
check "INT: gate of ring 0"
        int 0x80
        done
check "INT: gate of ring 3 from ring 3"
        user
        int 0x81
        done
check "INT: gate of ring 0 from ring 3"
        user
        int 0x80
        done
check "INT: trap gate keeps IF"
        sti
        int 0x83
        done
check "INT: interrupt gate clears IF, TF, NT"
        push 0x4302
        popfq
        int 0x84
        done
check "INT: gate with a null selector"
        int 0x85
        done
check "INT: gate to data"
        int 0x86
        done
check "INT: gate to 32-bit code"
        int 0x87
        done
check "INT: gate not present"
        int 0x88
        done
check "INT: task gate"
        int 0x89
        done
check "INT: not canonical target"
        int 0x8a
        done
check "INT: IST"
        mov qword [host_tss + 0x24 + 16], 0x8c007
        int 0x8b
        done
check "INT: beyond the IDT"
        mov word [short_idt], 0x7ff
        mov rax, [idt_pointer + 2]
        mov [short_idt + 2], rax
        lidt [short_idt]
        int 0x80
        done
        lidt [idt_pointer]
check "INT3: gate of ring 0 from ring 3"
        user
        int3
        done
check "INT1"
        db 0xf1
        done
check "INT1: ring 3"
        user
        db 0xf1
        done
check "INTO: 64-bit mode"
        db 0xce
        done
check "INTO: compatibility mode with OF"
        or byte [idt + 4 * 16 + 5], 0x60
        user32
bits 32
        mov al, 0x7f
        add al, 1
        into
bits 64
        done
check "INTO: compatibility mode without OF"
        user32
bits 32
        xor eax, eax
        into
        leave_user
bits 64
        done

; Faults on the way to a handler.
check "double fault: general protection, gate not present"
        and byte [idt + 13 * 16 + 5], 0x7f
        mov rbx, 0x800000000000
        mov rax, [rbx]
        done
        or byte [idt + 13 * 16 + 5], 0x80
check "divide error, gate not present: double fault"
        and byte [idt + 0 * 16 + 5], 0x7f
        xor ecx, ecx
        div ecx
        done
        or byte [idt + 0 * 16 + 5], 0x80
check "invalid opcode, gate not present: #NP"
        and byte [idt + 6 * 16 + 5], 0x7f
        ud2
        done
        or byte [idt + 6 * 16 + 5], 0x80
check "double fault: stack not canonical"
        mov byte [idt + 8 * 16 + 4], 1
        mov rsp, 0x800000000000
        ud2
        done
check "double fault: page fault while a page fault is delivered"
        mov dword [0x3000 + 3 * 8], 0
        invlpg [WINDOW]
        mov rsp, WINDOW + 0x1000
        mov eax, [WINDOW]
        done
        mov dword [0x3000 + 3 * 8], 0x6000e7
        mov byte [idt + 8 * 16 + 4], 0

; Debug exceptions and interrupts.
check "single step: POPF"
        push 0x102
        popfq
        nop
        nop
        done
check "single step: MOV SS delays it"
        mov ebx, 0x10
        push 0x102
        popfq
        mov ss, ebx
        nop
        nop
        done
check "single step: REP MOVSB stops after one iteration"
        mov esi, scratch
        mov edi, scratch + 8
        mov ecx, 3
        push 0x102
        popfq
        rep movsb
        nop
        done
check "RF in the pushed flags of a fault"
        set_gate 6, finish_flags, 0x8e00
        ud2
        done
        set_gate 6, (stubs + 6 * 16), 0x8e00
check "no RF in the pushed flags of INT n"
        int 0x84
        done
        set_apic 0xf0, 0x1ff
        set_gate 0x90, finish_flags, 0x8e00
check "interrupt: HLT waits for a pending one"
        set_apic 0x310, 0
        set_apic 0x300, 0x44090
        set_gate 0x90, finish_place, 0x8e00
        sti
        hlt
        done
        call end_interrupt
check "interrupt: STI keeps it off for one instruction"
        set_apic 0x300, 0x44090
        sti
        nop
        nop
        done
        call end_interrupt
check "interrupt: MOV SS keeps it off for one instruction"
        mov ebx, 0x10
        set_apic 0x300, 0x44090
        push 0x202
        mov ss, ebx
        popfq
        nop
        done
        call end_interrupt
check "interrupt: CR8 holds it back"
        mov eax, 9
        mov cr8, rax
        set_apic 0x300, 0x44090
        sti
        nop
        nop
        mov rbx, cr8
        xor eax, eax
        mov cr8, rax
        nop
        done
        call end_interrupt
check "interrupt: from ring 3"
        set_apic 0x300, 0x44090
        frame 0x33, USER_STACK, 0x202, 0x3b, .ab
        iretq
.ab:    nop
        leave_user
        done
        call end_interrupt

; Fast system calls.
        set_msr 0xc0000081, 0x0028000800000000
        set_msr 0xc0000082, on_syscall
        set_msr 0xc0000084, 0x4700
check "SYSCALL: CS, SS, flags"
        push 0x33
        push USER_STACK
        push 0x4602
        push 0x3b
        push .ac
        iretq
.ac:    syscall
        done
check "SYSCALL: R11 and RCX"
        set_msr 0xc0000082, on_syscall_registers
        user
        mov rbx, .ad
        syscall
.ad:    done
check "SYSCALL: from ring 0"
        syscall
        done
check "SYSCALL: compatibility mode"
        not_on_qemu
        user32
bits 32
        db 0x0f, 0x05
bits 64
        done
check "SYSRETQ: CS, SS, RSP stays"
        mov rcx, .ae
        mov r11d, 2
        o64 sysret
.ae:    mov eax, cs
        shl eax, 16
        mov ax, ss
        leave_user
        done
check "SYSRETQ: flags from R11"
        mov rcx, .af
        mov r11, 0x3f7fd7
        btr r11, 9
        btr r11, 8
        o64 sysret
.af:    pushfq
        pop rax
        leave_user
        done
check "SYSRETQ: not canonical"
        mov rcx, 0x800000000000
        mov r11d, 2
        o64 sysret
        done
check "SYSRET: compatibility mode"
        mov ecx, .ag
        mov r11d, 2
        sysret
bits 32
.ag:    mov eax, cs
        shl eax, 16
        mov ax, ss
        leave_user
bits 64
        done
        set_msr 0xc0000080, 0xd00
check "SYSRETQ without SCE"
        mov rcx, 0x100000
        o64 sysret
        done
        set_msr 0xc0000080, 0xd01
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
check "SYSENTER: from compatibility mode"
        user32
bits 32
        sysenter
bits 64
        done
check "SYSENTER: clears IF"
        set_msr 0x176, on_sysenter_flags
        sti
        sysenter
        done
        set_msr 0x174, 0x18
check "SYSEXIT: 64-bit"
        mov rdx, .ah
        mov rcx, USER_STACK
        o64 sysexit
.ah:    mov eax, cs
        shl eax, 16
        mov ax, ss
        leave_user
        done
check "SYSEXIT: compatibility mode"
        mov rdx, .ai
        mov rcx, USER_STACK
        sysexit
bits 32
.ai:    mov eax, cs
        shl eax, 16
        mov ax, ss
        leave_user
bits 64
        done
check "SYSEXIT: not canonical RIP"
        mov rdx, 0x800000000000
        mov rcx, USER_STACK
        o64 sysexit
        done
check "SYSEXIT: not canonical RSP"
        mov rdx, 0x100000
        mov rcx, 0x800000000000
        o64 sysexit
        done
check "SYSEXIT: null CS"
        set_msr 0x174, 0
        mov rdx, 0x100000
        o64 sysexit
        done

; Segment registers and stack frames.
check "MOV to CS"
        db 0x8e, 0xc8
        done
check "MOV from segment 6"
        db 0x8c, 0xf0
        done
check "MOV from DS: 64-bit register"
        mov rax, -1
        mov rax, ds
        done
check "MOV from DS: 16-bit register"
        mov rax, -1
        mov ax, ds
        done
check "MOV from SS: memory"
        mov qword [scratch], -1
        mov [scratch], ss
        mov rax, [scratch]
        done
check "MOV to ES: memory"
        mov word [scratch], 0x33
        mov es, [scratch]
        mov eax, es
        done
check "PUSH and POP FS"
        push 0x33
        pop fs
        push fs
        pop rax
        done
check "POP GS: 16-bit"
        mov rax, rsp
        push word 0x33
        o16 pop gs
        sub rax, rsp
        shl rax, 16
        mov ax, gs
        done
check "POP FS: bad selector leaves RSP"
        push 0x208
        pop fs
        done
check "LSS"
        mov dword [pointer], OTHER_STACK
        mov word [pointer + 4], 0x10
        lss esp, [pointer]
        mov rax, rsp
        done
check "LFS with a 64-bit offset"
        mov rax, 0x1122334455667788
        mov [pointer], rax
        mov word [pointer + 8], 0x33
        o64 lfs rax, [pointer]
        show rax
        mov eax, fs
        done
check "LGS: 16-bit offset"
        mov rax, -1
        mov dword [pointer], 0x00331234
        lgs ax, [pointer]
        done
check "LFS: bad selector leaves the register"
        mov word [pointer + 4], 0x208
        lfs eax, [pointer]
        done
check "MOV SS: not present"
        mov eax, 0x138
        mov ss, eax
        done
check "MOV DS: execute-only code"
        mov eax, 0x140
        mov ds, eax
        done
check "MOV DS: conforming code of ring 0 with RPL 3"
        mov eax, 0xd3
        mov ds, eax
        mov eax, ds
        done
check "ENTER: level 0"
        mov ebp, 0x1234
        enter 0x20, 0
        mov rax, [rbp]
        show rax
        mov rax, rbp
        sub rax, rsp
        done
check "ENTER: level 3"
        mov rbp, scratch + 64
        mov qword [rbp - 8], 0x1111
        mov qword [rbp - 16], 0x2222
        enter 8, 3
        mov rax, [rbp - 8]
        show rax
        mov rax, [rbp - 16]
        show rax
        mov rax, [rbp - 24]
        sub rax, rbp
        done
check "ENTER: 16-bit operand"
        mov rbp, 0x11112222
        mov rax, rsp
        o16 enter 4, 1
        sub rax, rsp
        done
check "POPF: ring 3 keeps IOPL and IF"
        user
        push 0x3202
        popfq
        pushfq
        pop rax
        and eax, 0x3f7700
        leave_user
        done
check "POPF: 16-bit keeps the upper flags"
        push 0x40002
        popfq
        push word 0x0002
        popfw
        pushfq
        pop rax
        and eax, 0x3f7700
        done
check "CLI and STI: IOPL 3"
        frame 0x33, USER_STACK, 0x3002, 0x3b, .aj
        iretq
.aj:    sti
        cli
        pushfq
        pop rax
        and eax, 0x3f7700
        leave_user
        done
check "HLT: ring 3 with IOPL 3"
        frame 0x33, USER_STACK, 0x3002, 0x3b, .ak
        iretq
.ak:    hlt
        done
        jmp check_end

; Result: CS, SS of where the call came from and the current ones.
finish_cs:
        mov eax, cs
        shl eax, 16
        mov ax, ss
        shl rax, 32
        mov ax, [rsp + 8]
        shl eax, 16
        mov ax, [rsp + 32]
        jmp finish
; Result: the flags that were pushed and the present ones.
finish_flags:
        pushfq
        pop rax
        and eax, 0x3f7700
        shl rax, 32
        mov ebx, [rsp + 16]
        and ebx, 0x3f7700
        or rax, rbx
        jmp finish
; Result: where the interrupt came.
finish_place:
        mov rax, [rsp]
        sub rax, [test_code]
        jmp finish
end_interrupt:
        set_apic 0xb0, 0
        ret
; Result of a call gate: CS, the pushed CS and, if the stack was switched, what stands behind.
through_gate:
        mov eax, cs
        shl rax, 16
        mov ax, [rsp + 8]
        shl rax, 16
        mov ax, ss
        shl rax, 16
        mov ax, [rsp + 24]
        mov rbx, rsp
        jmp finish
back_through_gate:
        retfq
conforming_gate:
        mov eax, cs
        leave_user
on_syscall:
        mov eax, cs
        shl eax, 16
        mov ax, ss
        shl rax, 32
        pushfq
        pop rbx
        and ebx, 0x3f7700
        or rax, rbx
        jmp finish
on_syscall_registers:
        mov rax, rcx
        sub rax, rbx
        shl rax, 32
        or rax, r11
        jmp finish
on_sysenter:
        mov eax, cs
        shl eax, 16
        mov ax, ss
        shl rax, 32
        or rax, rsp
        jmp finish
on_sysenter_flags:
        pushfq
        pop rax
        and eax, 0x3f7700
        jmp finish

        align 16
pointer:        dq 0, 0
short_idt:      dq 0, 0
scratch:        times 128 db 0
%include "check64-setup.inc"
%include "check-output.inc"
%include "serial.inc"
        align 16
test_gdt:
        times 0x80 db 0
        gate 8, through_gate, 0x8c00            ; 0x80
        gate 8, through_gate, 0xec00            ; 0x90
        gate 8, through_gate, 0x0c00            ; 0xa0 not present
        gate 0x10, through_gate, 0x8c00         ; 0xb0 to data
        dq 0x00ef9b000000ffff                   ; 0xc0 L and D
        dq 0x00af1b000000ffff                   ; 0xc8 not present
        dq 0x00af9f000000ffff                   ; 0xd0 conforming
        dq 0x00409b0000001000                   ; 0xd8 32-bit code, short
        gate 0x28, through_gate, 0x8c00         ; 0xe0 to 32-bit code
        dw 0, 8, 0x8c00, 0                      ; 0xf0 not canonical
        dq 0x8000
        dw address(through_gate) & 0xffff, 8, 0x8c00, address(through_gate) >> 16
        dq 0x00000c0000000000                   ; 0x100 upper half with a type
        gate 0xd0, conforming_gate, 0xec00      ; 0x110
        gate 8, back_through_gate, 0xec00       ; 0x120
        dq 0
        dq 0x00cf13000000ffff                   ; 0x138 data, not present
        dq 0x00af99000000ffff                   ; 0x140 execute-only
        dq 0x00cf73000000ffff                   ; 0x148 data of ring 3, not present
        times TEST_GDT_BYTES - ($ - test_gdt) db 0
