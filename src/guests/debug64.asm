; Breakpoints, alignment checks, MONITOR and MWAIT, XSAVE and XRSTOR in 64-bit mode; see check.inc.
org 0x100000
bits 32
        jmp entry
        align 8
entry:
%include "long-mode.inc"
%include "wide64.inc"
%include "check.inc"
%include "check64.inc"
TEST_GDT_BYTES equ 0x100

; A breakpoint: number, address, DR7 bits R/W and LEN.
%macro set_breakpoint 3
        mov rax, %2
        mov dr%1, rax
        mov eax, 0x400 | (2 << (2 * %1)) | ((%3) << (16 + 4 * %1))
        mov dr7, rax
        xor eax, eax
%endmacro
%define EXECUTE 0
%define WRITE(bytes) (1 | LEN_ %+ bytes)
%define PORT(bytes) (2 | LEN_ %+ bytes)
%define ACCESS(bytes) (3 | LEN_ %+ bytes)
%define LEN_1 0
%define LEN_2 4
%define LEN_4 12
%define LEN_8 8
; Ends a test: DR6 and the place are what counts.
%macro clear_breakpoints 0
        mov eax, 0x400
        mov dr7, rax
        mov rax, dr6
        mov rbx, rax
        mov eax, 0xffff0ff0
        mov dr6, rax
%endmacro
%macro show_dr6 0
        push rax
        mov rax, dr6
        and eax, 0xe00f
        call put_hex
        call put_line
        pop rax
        clear_breakpoints
%endmacro
; Ring 3 with alignment checks.
%macro user_ac 0
        push 0x33
        push USER_STACK
        push 0x40002
        push 0x3b
        mov rax, %%code
        push rax
        xor eax, eax
        iretq
%%code:
%endmacro

long_mode:
        call check_setup

; Instruction breakpoints.
check "instruction: fault before it"
        set_breakpoint 0, .a, EXECUTE
        mov al, 1
.a:     mov al, 2
        mov al, 3
        done
        show_dr6
check "instruction: RF lets it through"
        set_breakpoint 1, .b, EXECUTE
        push 0x10
        push 0x90000
        push 0x10002
        push 8
        mov rbx, .b
        push rbx
        iretq
.b:     mov al, 2
        mov al, 3
        done
        show_dr6
check "instruction: RF is clear after one"
        set_breakpoint 2, .c, EXECUTE
        push 0x10
        push 0x90000
        push 0x10002
        push 8
        mov rbx, .bc
        push rbx
        iretq
.bc:    nop
.c:     nop
        done
        show_dr6
check "instruction: in its midst"
        set_breakpoint 0, .d + 1, EXECUTE
.d:     mov eax, 0x11
        done
        show_dr6
check "instruction: not enabled"
        mov rax, .e
        mov dr3, rax
        mov eax, 0x400
        mov dr7, rax
.e:     mov eax, 0x22
        done
        show_dr6
check "instruction: local enable, ring 3"
        mov rax, .f
        mov dr3, rax
        mov eax, 0x440
        mov dr7, rax
        user
        nop
.f:     nop
        leave_user
        done
        show_dr6
check "instruction: two at one place"
        set_breakpoint 0, .g, EXECUTE
        mov rax, .g
        mov dr1, rax
        mov eax, 0x40a
        mov dr7, rax
        nop
.g:     nop
        done
        show_dr6

; Data breakpoints.
check "write: trap after it"
        set_breakpoint 0, data, WRITE(4)
        mov dword [data], 5
        nop
        done
        show_dr6
check "write: a read does not"
        set_breakpoint 0, data, WRITE(4)
        mov eax, [data]
        nop
        done
        show_dr6
check "access: a read"
        set_breakpoint 1, data, ACCESS(4)
        mov eax, [data]
        nop
        done
        show_dr6
check "access: one byte of it"
        set_breakpoint 1, data, ACCESS(4)
        mov al, [data + 3]
        nop
        done
        show_dr6
check "access: beside it"
        set_breakpoint 1, data + 4, ACCESS(4)
        mov eax, [data]
        mov eax, 0x33
        done
        show_dr6
check "access: overlaps from below"
        set_breakpoint 1, data + 4, ACCESS(1)
        mov rax, [data]
        nop
        done
        show_dr6
check "access: 8 bytes, low bits of the address"
        set_breakpoint 3, data + 3, ACCESS(8)
        mov al, [data]
        nop
        done
        show_dr6
check "access: PUSH"
        mov esp, 0x8a000
        set_breakpoint 0, 0x89ff8, WRITE(8)
        push rax
        nop
        done
        show_dr6
check "access: read-modify-write"
        set_breakpoint 0, data, WRITE(1)
        inc byte [data]
        nop
        done
        show_dr6
check "access: REP MOVSB after the iteration"
        set_breakpoint 0, data + 2, WRITE(1)
        mov esi, data + 16
        mov edi, data
        mov ecx, 6
        mov qword [continuation], .count
        rep movsb
        done
.count: mov rax, rcx
        call put_result
        mov rsp, [saved_stack]
        show_dr6
check "access: with single step"
        set_breakpoint 0, data, WRITE(1)
        push 0x102
        popfq
        mov byte [data], 1
        nop
        done
        show_dr6
check "access: MOV SS delays it"
        set_breakpoint 0, data, ACCESS(2)
        mov word [data], 0x10
        clear_breakpoints
        set_breakpoint 0, data, ACCESS(2)
        mov ss, [data]
        nop
        nop
        done
        show_dr6
check "access: a fault makes none"
        set_breakpoint 0, data, ACCESS(1)
        mov rbx, 0x800000000000
        mov rsi, data
        mov rdi, rbx
        movsb
        done
        show_dr6
        set_bits cr4, 8
check "port: OUT"
        set_breakpoint 0, 0x80, PORT(1)
        out 0x80, al
        nop
        done
        show_dr6
check "port: IN of four"
        set_breakpoint 0, 0x82, PORT(1)
        in eax, 0x80
        nop
        done
        show_dr6
check "port: another"
        set_breakpoint 0, 0x84, PORT(1)
        out 0x80, al
        mov eax, 0x44
        done
        show_dr6
        clear_bits cr4, 8

; Alignment checks.
        set_bits cr0, 0x40000
check "alignment: doubleword"
        user_ac
        mov eax, [data + 1]
        leave_user
        done
check "alignment: aligned"
        user_ac
        mov eax, [data + 4]
        mov eax, 0x55
        leave_user
        done
check "alignment: word at an odd address"
        user_ac
        mov [data + 3], ax
        leave_user
        done
check "alignment: quadword at 4"
        user_ac
        mov rax, [data + 4]
        leave_user
        done
check "alignment: PUSH"
        user_ac
        mov esp, USER_STACK + 4
        push rax
        leave_user
        done
check "alignment: read-modify-write"
        user_ac
        add dword [data + 2], 1
        leave_user
        done
check "alignment: string"
        user_ac
        mov esi, data + 1
        mov edi, data + 8
        movsd
        leave_user
        done
check "alignment: ring 0"
        push 0x40002
        popfq
        mov eax, [data + 1]
        mov eax, 0x66
        done
check "alignment: AC clear"
        user
        mov eax, [data + 1]
        mov eax, 0x77
        leave_user
        done
check "alignment: compatibility mode"
        push 0x33
        push USER_STACK
        push 0x40002
        push 0x43
        mov rax, .compat
        push rax
        iretq
bits 32
.compat:
        mov eax, 0x33
        mov ds, eax
        mov eax, [data + 2]
        leave_user
bits 64
        done
        clear_bits cr0, 0x40000
check "alignment: AM clear"
        user_ac
        mov eax, [data + 1]
        mov eax, 0x88
        leave_user
        done

; MONITOR and MWAIT.
check "MONITOR"
        mov eax, data
        monitor
        done
check "MONITOR: RCX is not 0"
        mov eax, data
        mov ecx, 1
        monitor
        done
check "MONITOR: not canonical"
        mov rax, 0x800000000000
        monitor
        done
check "MONITOR: ring 3"
        user
        monitor
        leave_user
        done
check "MWAIT: RCX has a reserved bit"
        mov ecx, 0x100
        mwait
        done
check "MWAIT: ring 3"
        user
        mwait
        leave_user
        done
check "MWAIT: MONITOR found a store"
        not_on_qemu
        mov eax, data
        monitor
        mov dword [data], 1
        mwait
        xor eax, eax
        done

; XSAVE and XRSTOR.
check "XSAVE without OSXSAVE"
        xsave [area]
        done
        set_bits cr4, 0x40000
        set_bits cr0, 8
check "XSAVE: TS"
        xsave [area]
        done
        clts
check "XSAVE: not aligned"
        xsave [area + 32]
        done
check "XRSTOR: not aligned"
        xrstor [area + 8]
        done
check "XRSTOR: component that XCR0 does not enable"
        call clear_area
        mov byte [area + 512], 2
        xrstor [area]
        done
check "XRSTOR: header beyond 16 bytes"
        call clear_area
        mov byte [area + 520], 1
        xrstor [area]
        done
check "XRSTOR: the initial configuration, XSAVE"
        call clear_area
        mov eax, 1
        xrstor [area]
        mov dword [area + 24], 0x12345678
        mov qword [area + 512], 0x10
        mov eax, -1
        mov edx, -1
        xsave [area]
        mov rax, [area]
        show rax
        mov eax, [area + 24]
        show rax
        mov rax, [area + 512]
        done
check "XRSTOR: a state, XSAVE"
        call clear_area
        mov eax, 0x027f
        mov [area], ax
        mov rax, 0x1122334455667788
        mov [area + 32], rax
        mov rax, 0xaaaabbbbccccdddd
        mov [area + 40], rax
        mov byte [area + 4], 0x80
        mov byte [area + 512], 1
        mov eax, 1
        xor edx, edx
        xrstor [area]
        call clear_area
        mov eax, 1
        xsave [area]
        mov rax, [area]
        and eax, 0xffff
        show rax
        mov rax, [area + 32]
        show rax
        mov rax, [area + 40]
        show rax
        mov rax, [area + 512]
        done
check "XSAVE: nothing is asked for"
        call clear_area
        mov dword [area + 512], 0x7
        xor eax, eax
        xor edx, edx
        xsave [area]
        mov rax, [area]
        show rax
        mov rax, [area + 512]
        done
check "XSAVE64"
        call clear_area
        mov eax, 1
        o64 xsave [area]
        mov rax, [area + 512]
        done
check "XSAVE: ring 3"
        user
        xsave [area]
        xor eax, eax
        leave_user
        done
        jmp check_end

clear_area:
        push rax
        push rdi
        push rcx
        mov edi, area
        xor eax, eax
        mov ecx, 576 / 4
        rep stosd
        pop rcx
        pop rdi
        pop rax
        ret

        align 64
data:   times 8 dq 0
        align 64
area:   times 576 db 0
%include "check64-setup.inc"
%include "check-output.inc"
%include "serial.inc"
        align 16
test_gdt:
        times TEST_GDT_BYTES db 0
